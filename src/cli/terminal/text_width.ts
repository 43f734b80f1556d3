const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const ASCII = /^[\x20-\x7e]*$/;
const INVISIBLE = /^[\p{Mark}\p{Format}\p{Control}]*$/u;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;

/**
 * The first and the last code points of ranges that take two columns (East Asian Wide and
 * Fullwidth), without emoji.
 *
 * @see https://www.unicode.org/reports/tr11/
 */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

/** Returns the columns that a text of one line takes in a terminal. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** Returns a text that takes at most so many columns; one that was cut ends with an ellipsis. */
export function fitText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let cut = "";
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += graphemeWidth(segment);
    if (width > columns - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}

/**
 * Breaks a text into lines of at most so many columns, at spaces if it can. Spaces at the beginning
 * of its lines stay.
 */
export function wrapText(text: string, columns: number): string[] {
  if (!(columns >= 1)) return text.split("\n");
  return text.split("\n").flatMap((line) => wrappedLine(line, columns));
}

function wrappedLine(line: string, columns: number): string[] {
  const lines: string[] = [];
  let current = "";
  let width = 0;
  // Words with the spaces before them.
  for (const part of line.match(/\s*\S+|\s+$/g) ?? []) {
    if (width + textWidth(part) <= columns) {
      current += part;
      width += textWidth(part);
      continue;
    }
    if (current.trim() !== "") {
      lines.push(current);
      current = "";
      width = 0;
    }
    const word = current === "" && lines.length > 0 ? part.trimStart() : part;
    for (const { segment } of graphemes.segment(word)) {
      const own = graphemeWidth(segment);
      if (width + own > columns && current !== "") {
        lines.push(current);
        current = "";
        width = 0;
      }
      current += segment;
      width += own;
    }
  }
  return [...lines, current];
}

function graphemeWidth(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  const code = grapheme.codePointAt(0) ?? 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}
