/** The colours and weights that the program uses. */
const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof CODES;

/** Returns a text in a style. */
export type Paint = (style: Style, text: string) => string;

/** Paints by the escape codes of terminals (ECMA-48). */
export function painted(style: Style, text: string): string {
  return text === "" ? "" : `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** Leaves texts as they are. */
export function plain(_style: Style, text: string): string {
  return text;
}
