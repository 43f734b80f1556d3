import { messageOf, SnakedenError } from "../../errors.ts";
import { byteStream, type TimeLimit, type Wait } from "../http/mod.ts";

/** The room of a read: the memory that an upload takes. */
const ROOM_BYTES = 256 * 1024;

/**
 * Yields the bytes of a body as they arrive. A chunk is good until the next one is asked for, since
 * all of them share one buffer. The silence between two chunks is bounded by `time`.
 *
 * The runtime reads long bodies fast only into a buffer of the reader (Deno 2.9.6).
 *
 * @throws {SnakedenError} `request_incomplete` if the body breaks off, or is silent for too long.
 */
export async function* uploadBody(
  request: Request,
  time: TimeLimit,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (request.body === null) return;
  const reader = byteStream(request.body).getReader({ mode: "byob" });
  let isLate = false;
  const wait: Wait = {
    since: 0,
    onLate: () => {
      isLate = true;
      void reader.cancel().catch(() => {});
    },
  };
  let room = new Uint8Array(ROOM_BYTES);
  let isOver = false;
  try {
    while (true) {
      time.begin(wait);
      const { value, done } = await reader.read(room).catch((error) => {
        isOver = true;
        throw isLate ? silent() : brokenOff(error);
      });
      time.end(wait);
      if (isLate) throw silent();
      if (done || value === undefined) {
        isOver = true;
        return;
      }
      yield value;
      room = new Uint8Array(value.buffer);
    }
  } finally {
    time.end(wait);
    if (!isOver) await reader.cancel().catch(() => {});
  }
}

function silent(): SnakedenError {
  return new SnakedenError(
    "request_incomplete",
    "Cannot add the file: the upload stalled (limits.bodyTimeoutMs); send it again",
    { retryable: true },
  );
}

function brokenOff(error: unknown): SnakedenError {
  return new SnakedenError(
    "request_incomplete",
    `Cannot add the file: the body ended early (${messageOf(error)}); send it again`,
    { retryable: true, cause: error },
  );
}
