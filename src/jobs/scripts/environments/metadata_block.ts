/** A block of metadata in the comments of a script. */
export interface MetadataBlock {
  /** The number of its first line, from 1. */
  readonly line: number;
  /** The text without the comment signs. */
  readonly content: string;
}

/** The blocks of one type in a script. */
export interface MetadataBlocks {
  readonly closed: readonly MetadataBlock[];
  /** The numbers of the lines that begin a block without an end, which does not count. */
  readonly unclosed: readonly number[];
}

const START = /^# \/\/\/ ([a-zA-Z0-9-]+)$/;
const END = "# ///";

/**
 * Finds the blocks of inline metadata of one type in the text of a script, exactly as the regular
 * expression of the standard does, but in linear time.
 *
 * Source: https://packaging.python.org/en/latest/specifications/inline-script-metadata/
 */
export function metadataBlocks(text: string, type: string): MetadataBlocks {
  const lines = text.replace(/^\ufeff/, "").replaceAll(/\r\n?/g, "\n").split("\n");
  const closed: MetadataBlock[] = [];
  const unclosed: number[] = [];
  /** The line after the current run of comments, and the last line in it that ends a block. */
  let run = { end: 0, lastEnd: -1 };
  for (let i = 0; i < lines.length; i++) {
    const found = START.exec(lines[i] ?? "")?.[1];
    if (found === undefined) continue;
    if (run.end <= i) run = runFrom(lines, i + 1);
    // A block has at least one line besides its ends.
    if (run.lastEnd < i + 2) {
      if (found === type) unclosed.push(i + 1);
      continue;
    }
    if (found === type) {
      const content = lines.slice(i + 1, run.lastEnd);
      closed.push({ line: i + 1, content: content.map(uncommented).join("\n") });
    }
    i = run.lastEnd;
  }
  return { closed, unclosed };
}

/** Follows the comments from a line on. */
function runFrom(lines: readonly string[], start: number): { end: number; lastEnd: number } {
  let end = start;
  let lastEnd = -1;
  for (; end < lines.length; end++) {
    const line = lines[end] ?? "";
    if (line !== "#" && !line.startsWith("# ")) break;
    if (line === END) lastEnd = end;
  }
  return { end, lastEnd };
}

function uncommented(line: string): string {
  return line.startsWith("# ") ? line.slice(2) : line.slice(1);
}
