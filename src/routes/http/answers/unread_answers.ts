import { SnakedenError } from "../../../errors.ts";
import { TimeLimit, type Wait } from "../time_limit.ts";

/** Bounds on responses that wait for their readers. */
export interface AnswerLimits {
  /**
   * Total bytes of all large responses, written or unread; a single one may always have
   * `maxResultBytes`.
   */
  readonly maxUnreadBytes: number;
  readonly maxResultBytes: number;
  /** Time within which a reader must read something. */
  readonly answerTimeoutMs: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** A response and its reader; `onLate` disconnects the reader. */
export interface Reader extends Wait {
  /** The bytes that wait; only {@link UnreadAnswers} changes them. */
  unreadBytes: number;
}

/** Options of {@link UnreadAnswers}. */
export interface AnswerOptions {
  /**
   * True if nobody but the runtime reads the bodies, for sockets: it keeps the memory of a chunk as
   * long as it needs it, also when the chunk was detached. So the memory is free once it was sent,
   * and not when the garbage is collected, which is 100 MB of chunks later.
   */
  readonly freesSent?: boolean;
}

/** The size of the pieces that are passed to the runtime. */
const SLICE_BYTES = 64 * 1024;
/** Readers that have read nothing for this long make room for others. */
const STALLED_MS = 1_000;

/**
 * The large responses and streams that are being written or wait for their readers, bounded in
 * bytes and in time.
 */
export class UnreadAnswers {
  /** The time of each reader; the owner calls its `check()`. */
  readonly time: TimeLimit;
  /** True if chunks are to be detached when the runtime has them. */
  readonly freesSent: boolean;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(
    { maxUnreadBytes, maxResultBytes, answerTimeoutMs }: AnswerLimits,
    { freesSent = false }: AnswerOptions = {},
  ) {
    this.freesSent = freesSent;
    this.#maxBytes = Math.max(maxUnreadBytes, maxResultBytes);
    this.time = new TimeLimit(answerTimeoutMs);
  }

  /**
   * Adds bytes that wait for a reader. When there is no room, stalled readers are disconnected.
   *
   * @throws {SnakedenError} `server_busy` if there is still no room.
   */
  add(reader: Reader, bytes: number): void {
    this.#makeRoom(bytes, reader);
    this.#bytes += bytes;
    reader.unreadBytes += bytes;
    this.time.begin(reader);
  }

  /**
   * Reserves room for a response that is still being made, until the result is disposed. Its reader
   * cannot take anything yet.
   *
   * @throws {SnakedenError} `server_busy`.
   */
  hold(bytes: number): Disposable {
    this.#makeRoom(bytes);
    this.#bytes += bytes;
    return { [Symbol.dispose]: () => void (this.#bytes -= bytes) };
  }

  #makeRoom(bytes: number, reader?: Reader): void {
    for (const other of this.time.olderThan(STALLED_MS)) {
      if (this.#bytes + bytes <= this.#maxBytes) break;
      if (other !== reader) other.onLate();
    }
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      throw new SnakedenError(
        "server_busy",
        `Cannot send a response of ${bytes} bytes: ${this.#bytes} bytes are being written or wait ` +
          "for their readers; " +
          `${this.#maxBytes} are allowed (limits.maxUnreadBytes)`,
        { retryable: true, details: { maxUnreadBytes: this.#maxBytes, mayHaveRun: true } },
      );
    }
  }

  /** Records that a reader has read something, and restarts its time. */
  take(reader: Reader, bytes: number): void {
    const taken = Math.min(bytes, reader.unreadBytes);
    this.#bytes -= taken;
    reader.unreadBytes -= taken;
    this.time.begin(reader);
  }

  /** Removes a reader that has read everything, or left. */
  end(reader: Reader): void {
    this.#bytes -= reader.unreadBytes;
    reader.unreadBytes = 0;
    this.time.end(reader);
  }

  /**
   * Returns a body that is made of parts and sent in slices, as its reader reads them.
   *
   * @throws {SnakedenError} `server_busy`.
   */
  body(parts: readonly Uint8Array[]): ReadableStream<Bytes> {
    const source = new PartsSource(this, parts);
    this.add(source, lengthOf(parts));
    return new ReadableStream(source, { highWaterMark: 0 });
  }
}

/** The source from which the runtime pulls a large response. */
class PartsSource implements Reader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #answers: UnreadAnswers;
  #slices: Iterator<Bytes, undefined>;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(answers: UnreadAnswers, parts: readonly Uint8Array[]) {
    this.#answers = answers;
    this.#slices = slicesOf(parts);
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  pull(controller: ReadableStreamDefaultController<Bytes>): void {
    const { value, done } = this.#slices.next();
    if (done) {
      this.cancel();
      controller.close();
      return;
    }
    this.#answers.take(this, value.byteLength);
    controller.enqueue(value);
  }

  cancel(): void {
    this.#answers.end(this);
    // The runtime may still hold this object, which must not keep the whole response alive.
    this.#slices = slicesOf([]);
  }

  onLate(): void {
    this.cancel();
    this.#controller?.error(new Error("Nobody reads the response"));
  }
}

/**
 * Yields the parts in pieces for the runtime. Pieces of a large part are copies, so that a piece
 * that still waits there keeps nothing else alive.
 */
export function* slicesOf(parts: readonly Uint8Array[]): Generator<Bytes, undefined> {
  for (const part of parts) {
    if (part.byteLength <= SLICE_BYTES && part.buffer instanceof ArrayBuffer) {
      yield part as Bytes;
      continue;
    }
    for (let at = 0; at < part.byteLength; at += SLICE_BYTES) {
      yield new Uint8Array(part.subarray(at, at + SLICE_BYTES));
    }
  }
}

/** Returns the total bytes of all parts. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}
