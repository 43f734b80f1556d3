import { SnakedenError } from "../../errors.ts";

/** Media types that a stream can be sent as, the preferred one first. */
const STREAM_TYPES = ["text/event-stream", "application/x-ndjson"] as const;
export type StreamType = typeof STREAM_TYPES[number];

/**
 * Returns the media type of a stream, by the header Accept; Server-Sent Events if both are equal.
 *
 * @throws {SnakedenError} `not_acceptable` if neither is accepted.
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
  throw notStreamable(accept);
}

/** Returns false if a client accepts neither type of events, and names another type. */
export function takesEvents(accept: string | undefined): boolean {
  if (accept === undefined || accept === "" || accept === "*/*") return true;
  const ranges = new AcceptRanges(accept);
  return STREAM_TYPES.some((it) => ranges.qualityOf(it) > 0) || ranges.named.length === 0;
}

/** Returns true if a client names Server-Sent Events, and prefers them to JSON. */
export function prefersEvents(accept: string | undefined): boolean {
  if (accept === undefined || !/text\/event-stream/i.test(accept)) return false;
  const ranges = new AcceptRanges(accept);
  const quality = ranges.qualityByName("text/event-stream");
  return quality > 0 && quality > ranges.qualityByName("application/json");
}

/**
 * Returns true if a client prefers to hear of the result later, by the header Prefer.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7240#section-4.1
 */
export function prefersLater(prefer: string | undefined): boolean {
  return prefer !== undefined && /(^|,)\s*respond-async\s*($|[,;=])/i.test(prefer);
}

/** Returns the error of a stream that can be sent in no accepted type. */
export function notStreamable(accept = ""): SnakedenError {
  return new SnakedenError(
    "not_acceptable",
    `Cannot send the stream as ${JSON.stringify(accept)}; ` +
      `it can be sent as ${STREAM_TYPES.join(" or ")}, and as application/octet-stream if its ` +
      "chunks are bytes: name one in the header accept",
    { details: { given: accept, offered: [...STREAM_TYPES, "application/octet-stream"] } },
  );
}

/** The media types that a client accepts, by its header Accept. */
export class AcceptRanges {
  readonly #ranges: readonly Range[];

  constructor(accept: string) {
    this.#ranges = accept.split(",").map(parseRange);
  }

  /** The media types and ranges that the header names, except the range of all types. */
  get named(): string[] {
    return this.#ranges.filter(({ essence, quality }) => essence !== "*/*" && quality > 0)
      .map(({ essence }) => essence);
  }

  /** Returns the quality that the client gives a type. */
  qualityOf(type: string): number {
    return qualityOf(type, this.#ranges);
  }

  /**
   * Returns the quality of a type if the client names it, or its kind such as `image/*`; otherwise
   * 0. `application/*` names no kind of data.
   */
  qualityByName(type: string): number {
    const ranges = this.#ranges.filter(({ essence }) =>
      essence !== "*/*" && essence !== "application/*"
    );
    return qualityOf(type, ranges);
  }
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

/** Returns the quality of a type, by the most specific range that includes it. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const [top] = type.split("/");
  for (const wanted of [type, `${top}/*`, "*/*"]) {
    const range = ranges.find((it) => it.essence === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
