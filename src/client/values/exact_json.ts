import { TAG } from "../../values/mod.ts";

/** Numbers with so many digits may not be exact; 2^53 has 16. */
const LONG_NUMBER = /\d{16}/;
/** A number of JSON, whole. */
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG_INTEGER = /^-?\d{16,}$/;

/**
 * Parses JSON. Whole numbers that are not exact as a number become tags `int`, which `decodeTree`
 * turns into a bigint. The source text of a number, which `JSON.parse` can pass to its reviver, is
 * not there in Node 20; so the digits are quoted before the text is parsed.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(hasLongNumber(text) ? withQuotedIntegers(text) : text);
}

/** Returns false if a text has no number that {@link parseExactJson} treats in another way. */
export function hasLongNumber(text: string): boolean {
  return LONG_NUMBER.test(text);
}

function withQuotedIntegers(text: string): string {
  const parts: string[] = [];
  let position = 0;
  while (position < text.length) {
    const quote = text.indexOf('"', position);
    const end = quote < 0 ? text.length : quote;
    parts.push(text.slice(position, end).replace(NUMBER, quoted));
    if (quote < 0) break;
    position = endOfString(text, quote);
    parts.push(text.slice(quote, position));
  }
  return parts.join("");
}

function quoted(number: string): string {
  const isExact = !LONG_INTEGER.test(number) || Number.isSafeInteger(Number(number));
  return isExact ? number : `{"${TAG}":"int","value":"${number}"}`;
}

/** Returns the position after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1;;) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes++;
    i = quote + 1;
    if (slashes % 2 === 0) return i;
  }
}
