import { SnakedenError } from "../../../errors.ts";

/** The place in a stream that the id of an event names. */
export interface EventId {
  readonly streamId: string;
  readonly event: number;
}

const EVENT_ID = /^([A-Za-z0-9_-]{1,64}):(\d{1,15})$/;

/** Returns the id of a stream, which cannot be guessed. */
export function newStreamId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/** Reads the header Last-Event-ID; undefined if it names no event of a stream that was kept. */
export function parseEventId(text: string): EventId | undefined {
  const [, streamId, event] = EVENT_ID.exec(text) ?? [];
  if (streamId === undefined) return undefined;
  return { streamId, event: Number(event) };
}

/**
 * Returns the error of a client that cannot go on reading. It is the same for a stream that is
 * unknown, is gone or belongs to somebody else.
 */
export function streamGone(lastEventId: string): SnakedenError {
  const given = lastEventId.slice(0, 128);
  return new SnakedenError(
    "stream_gone",
    `Cannot resume the stream after the event ${JSON.stringify(given)}: the stream is not kept, ` +
      "or not its events after this one, and its tool does not run again; forget what was read " +
      "of the stream, and send the request without last-event-id to make a new call",
    { details: { lastEventId: given, reset: true } },
  );
}

/** Returns the error of a client that ends a stream which it does not have. */
export function noStream(streamId: string): SnakedenError {
  const given = streamId.slice(0, 128);
  return new SnakedenError(
    "stream_gone",
    `Cannot end the stream ${JSON.stringify(given)}: there is no such stream`,
    { details: { streamId: given } },
  );
}
