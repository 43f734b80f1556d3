type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

// The third argument of a reviver is part of ECMAScript 2026, but not yet of TypeScript's library.
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Numbers with so many digits may not be exact; 2^53 has 16. */
const LONG_NUMBER = /\d{16}/;
const DIGITS = /^-?\d+$/;

/**
 * Parses JSON. Whole numbers that are not exact as a number become a bigint.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseExact(text: string): unknown {
  return LONG_NUMBER.test(text) ? parseWithSource(text, exact) : JSON.parse(text);
}

function exact(
  _key: string,
  value: unknown,
  { source = "" }: { readonly source?: string },
): unknown {
  const isExact = !Number.isInteger(value) || Number.isSafeInteger(value) || !DIGITS.test(source);
  return isExact ? value : BigInt(source);
}
