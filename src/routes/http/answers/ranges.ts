import { SnakedenError } from "../../../errors.ts";
import { type StreamedAnswers, streamedBody } from "./streamed_body.ts";

/** A thing whose bytes can be sent in parts. It never changes under the same tag. */
export interface RangedSource {
  readonly bytes: number;
  /** The entity tag, without quotes. */
  readonly tag: string;
  /** Opens a part: from `start` to before `end`. The caller reads it to its end, or cancels it. */
  open(range: { readonly start: number; readonly end: number }): Promise<
    ReadableStream<Uint8Array>
  >;
}

/** Options of {@link rangedAnswer}. */
export interface RangedAnswerOptions {
  readonly answers: StreamedAnswers;
  /** Headers of the response, such as its content type. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Answers a GET or HEAD for a thing as RFC 9110 has it: with a part for one `Range` of bytes (206),
 * unless `If-Range` names another tag; with 304 if `If-None-Match` names the tag; else with the
 * whole. The answer to HEAD opens nothing. Several ranges at once are answered with the whole.
 *
 * @throws {SnakedenError} `range_not_satisfiable` for a range behind the end, or what the source
 * throws.
 */
export async function rangedAnswer(
  request: Request,
  source: RangedSource,
  { answers, headers: given }: RangedAnswerOptions,
): Promise<Response> {
  const { bytes, tag } = source;
  const { method, headers: asked } = request;
  const etag = `"${tag}"`;
  const headers = { "accept-ranges": "bytes", etag, ...given };
  const known = asked.get("if-none-match");
  if (known !== null && matchesTag(known, etag)) {
    return new Response(null, { status: 304, headers: { etag, ...forCaches(given) } });
  }
  const ifRange = asked.get("if-range");
  const range = ifRange === null || ifRange === etag
    ? rangeOf(asked.get("range"), bytes)
    : undefined;
  const { start, end } = range ?? { start: 0, end: bytes };
  // A client that asks with HEAD gets the headers of the whole (RFC 9110, section 14.2).
  const isHead = method === "HEAD";
  const body = isHead || start === end ? null : streamedBody(
    [await source.open({ start, end })],
    answers,
  );
  if (range === undefined || isHead) {
    return new Response(body, { headers: { ...headers, "content-length": String(bytes) } });
  }
  return new Response(body, {
    status: 206,
    headers: {
      ...headers,
      "content-length": String(end - start),
      "content-range": `bytes ${start}-${end - 1}/${bytes}`,
    },
  });
}

/** Returns the headers that a cache takes over from a 304 (RFC 9110, section 15.4.5). */
function forCaches(headers: Readonly<Record<string, string>>): Record<string, string> {
  const names = ["cache-control", "vary"];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

/** Returns true if a list of entity tags has this one; weak ones match too. */
function matchesTag(list: string, etag: string): boolean {
  return list.split(",").some((it) => it.trim() === "*" || it.trim().replace(/^W\//, "") === etag);
}

const RANGE = /^bytes\s*=\s*(?:(\d+)\s*-\s*(\d*)|-\s*(\d+))$/i;

/**
 * Returns the part that a header asks for; undefined for the whole, also if the header is not
 * understood, which is to be ignored.
 *
 * @throws {SnakedenError} `range_not_satisfiable`.
 */
function rangeOf(
  header: string | null,
  bytes: number,
): { readonly start: number; readonly end: number } | undefined {
  const match = header === null ? null : RANGE.exec(header.trim());
  if (match === null) return undefined;
  const [, from, to, last] = match;
  if (last !== undefined) {
    if (Number(last) === 0 || bytes === 0) throw notSatisfiable(header, bytes);
    return { start: Math.max(0, bytes - Number(last)), end: bytes };
  }
  const start = Number(from);
  const end = to === "" || to === undefined ? bytes : Number(to) + 1;
  if (end <= start && start < bytes) return undefined;
  if (start >= bytes) throw notSatisfiable(header, bytes);
  return { start, end: Math.min(end, bytes) };
}

function notSatisfiable(header: string | null, bytes: number): SnakedenError {
  const given = JSON.stringify((header ?? "").slice(0, 100));
  return new SnakedenError(
    "range_not_satisfiable",
    `Cannot send the range ${given}: there are ${bytes} bytes`,
    { details: { bytes } },
  );
}
