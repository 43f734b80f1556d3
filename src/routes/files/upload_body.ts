import { messageOf, SnakedenError } from "../../errors.ts";
import { byteStream, type TimeLimit, type Wait } from "../http/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The room of a read: the memory that an upload takes. */
const ROOM_BYTES = 256 * 1024;

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
  const reader = openBody(request.body, request.headers.has("content-length"));
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
      const { value, done } = await reader.read().catch((error) => {
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
    }
  } finally {
    time.end(wait);
    if (!isOver) await reader.cancel().catch(() => {});
  }
}

/** A reader of a body. */
interface ChunkReader {
  /** Returns the next chunk, after which the one before is no longer used. */
  read(): Promise<{ readonly value?: Bytes | undefined; readonly done: boolean }>;
  cancel(): Promise<void>;
}

/**
 * Returns the reader that is fast for a body (Deno 2.9.6): one that fills the same buffer again for
 * a body of known length, and one that takes chunks as they come for others. With a buffer, the
 * runtime moves all that it has received with each chunk of the transfer encoding.
 */
function openBody(body: ReadableStream<Uint8Array>, isLengthKnown: boolean): ChunkReader {
  const bytes = byteStream(body);
  if (isLengthKnown) {
    const reader = bytes.getReader({ mode: "byob" });
    let room = new Uint8Array(ROOM_BYTES);
    return {
      async read(): ReturnType<ChunkReader["read"]> {
        const { value, done } = await reader.read(room);
        if (value !== undefined) room = new Uint8Array(value.buffer);
        return { value, done };
      },
      cancel: () => reader.cancel(),
    };
  }
  const reader = bytes.getReader();
  let last: Bytes | undefined;
  return {
    async read(): ReturnType<ChunkReader["read"]> {
      // The chunks of a byte stream are their reader's own. Freed now, they do not pile up.
      last?.buffer.transfer(0);
      const { value, done } = await reader.read();
      last = value as Bytes | undefined;
      return { value: last, done };
    },
    cancel: () => reader.cancel(),
  };
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
