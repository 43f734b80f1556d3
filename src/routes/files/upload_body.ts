import { messageOf, SnakedenError } from "../../errors.ts";
import { BodyRoom, byteStream, type TimeLimit, type Wait } from "../http/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The most room of a read from a body of known length: the memory that a large upload takes. */
const ROOM_BYTES = 1024 * 1024;

/**
 * Yields the bytes of a body as they arrive. A chunk is good until the next one is asked for. The
 * silence between two chunks is bounded by `time`.
 *
 * @throws {SnakedenError} `request_incomplete` if the body breaks off, or is silent for too long.
 */
export async function* uploadBody(
  request: Request,
  time: TimeLimit,
): AsyncGenerator<Bytes, void, undefined> {
  if (request.body === null) return;
  const length = request.headers.get("content-length");
  const chunked = length === null ? new BodyRoom() : undefined;
  const fixedBytes = Math.min(ROOM_BYTES, Math.max(1, Number(length)));
  const reader = byteStream(request.body).getReader({ mode: "byob" });
  let room = new Uint8Array(chunked?.bytes ?? fixedBytes);
  let isLate = false;
  const wait: Wait = {
    since: 0,
    onLate: () => {
      isLate = true;
      void reader.cancel().catch(() => {});
    },
  };
  let isOver = false;
  try {
    while (true) {
      time.begin(wait);
      const roomBytes = room.byteLength;
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
      chunked?.note(roomBytes, value.byteLength);
      yield value;
      const nextBytes = chunked?.bytes ?? fixedBytes;
      room = nextBytes > roomBytes ? new Uint8Array(nextBytes) : new Uint8Array(value.buffer);
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
