/**
 * Control characters, which can move the cursor, change colours or set the title of a terminal, and
 * characters that change the direction of text. Tabs and line breaks are not among them.
 */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const LINE_BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** Returns a text of a job in a form that is safe in a terminal: `\x1b` for an escape character. */
export function safeText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(UNSAFE, escaped).toWellFormed();
}

/** Returns the same in one line. */
export function safeLine(text: string): string {
  return safeText(text.replace(LINE_BREAKS, " "));
}

/** Returns JSON in which no character is unsafe in a terminal. Its meaning stays the same. */
export function safeJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) ?? "null";
  return text.replace(UNSAFE, (it) => `\\u${codeOf(it).padStart(4, "0")}`);
}

function escaped(character: string): string {
  const code = codeOf(character);
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, "0")}`;
}

function codeOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
