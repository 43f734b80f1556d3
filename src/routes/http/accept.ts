import { SnakedenError } from "../../errors.ts";

/** Media types that a stream can be sent as, the preferred one first. */
const STREAM_TYPES = ["text/event-stream", "application/x-ndjson"] as const;
export type StreamType = typeof STREAM_TYPES[number];

/**
 * Which type a stream is sent as, after the Accept header; Server-Sent Events when it leaves the
 * choice.
 *
 * @throws {SnakedenError} `not_acceptable` when neither is accepted.
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function chooseStreamType(accept: string | undefined): StreamType {
  if (accept === undefined || accept.trim() === "" || accept.trim() === "*/*") {
    return STREAM_TYPES[0];
  }
  const ranges = accept.split(",").map(parseRange);
  let best: { type: StreamType; quality: number } | undefined;
  for (const type of STREAM_TYPES) {
    const quality = qualityOf(type, ranges);
    if (quality > (best?.quality ?? 0)) best = { type, quality };
  }
  if (best !== undefined) return best.type;
  throw new SnakedenError(
    "not_acceptable",
    `Cannot send the stream as ${JSON.stringify(accept)}; ` +
      `it can be sent as ${STREAM_TYPES.join(" or ")}: name one in the header accept`,
    { details: { given: accept, offered: STREAM_TYPES } },
  );
}

interface Range {
  readonly essence: string;
  readonly quality: number;
}

function parseRange(text: string): Range {
  const [essence = "", ...parameters] = text.split(";").map((it) => it.trim().toLowerCase());
  const weight = parameters.find((it) => it.startsWith("q="))?.slice(2) ?? "1";
  const quality = Number(weight);
  return { essence, quality: Number.isFinite(quality) ? quality : 0 };
}

/** The most specific range decides. */
function qualityOf(type: StreamType, ranges: readonly Range[]): number {
  const [top] = type.split("/");
  for (const wanted of [type, `${top}/*`, "*/*"]) {
    const range = ranges.find((it) => it.essence === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
