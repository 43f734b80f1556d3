import { SnakedenError } from "../../errors.ts";

/** A representation of known length, whose bytes never change under one tag. */
export interface Representation {
  readonly bytes: number;
  /** The strong entity tag, with its quotes. */
  readonly etag: string;
}

/** The part of a representation that a request asks for. `end` is behind the last byte. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

const RANGE = /^bytes=\s*(\d{0,16})-(\d{0,16})\s*$/i;

/**
 * Returns the part that a request asks for; undefined for the whole. A range of another form, of
 * another unit or of several parts counts as none, as does one that `if-range` makes depend on
 * another tag.
 *
 * @throws {SnakedenError} `range_not_satisfiable` if no byte is in the range.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 */
export function partOf(headers: Headers, { bytes, etag }: Representation): Part | undefined {
  const range = headers.get("range");
  if (range === null) return undefined;
  const condition = headers.get("if-range");
  if (condition !== null && condition.trim() !== etag) return undefined;
  const [, first, last] = RANGE.exec(range) ?? [];
  if (first === undefined || last === undefined || first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), bytes);
    if (length > 0) return { start: bytes - length, end: bytes };
    throw outside(range, bytes);
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= bytes) throw outside(range, bytes);
  return { start, end: last === "" ? bytes : Math.min(Number(last) + 1, bytes) };
}

/** Returns true if a client has the representation already, as `if-none-match` says. */
export function isKnown(headers: Headers, { etag }: Pick<Representation, "etag">): boolean {
  const known = headers.get("if-none-match");
  if (known === null) return false;
  return known.split(",").map((it) => it.trim().replace(/^W\//, "")).some((it) =>
    it === etag || it === "*"
  );
}

/** The headers that describe the part of a representation that a response has. */
export function partHeaders(
  part: Part | undefined,
  { bytes, etag }: Representation,
): Record<string, string> {
  const { start, end } = part ?? { start: 0, end: bytes };
  return {
    "accept-ranges": "bytes",
    etag,
    "content-length": String(end - start),
    ...(part === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${bytes}` }),
  };
}

function outside(range: string, bytes: number): SnakedenError {
  return new SnakedenError(
    "range_not_satisfiable",
    `Cannot send the range ${JSON.stringify(range.slice(0, 80))}: there are ${bytes} bytes`,
    { details: { bytes } },
  );
}
