import { SnakedenError } from "../errors.ts";
import { TimeLimit, type Wait } from "./time_limit.ts";

/** Bounds on answers that wait for their readers. */
export interface AnswerLimits {
  /** Bytes of all large answers together, in the making or unread; one alone may always have `maxResultBytes`. */
  readonly maxUnreadBytes: number;
  readonly maxResultBytes: number;
  /** Time in which a reader has to take something. */
  readonly answerTimeoutMs: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** An answer and whoever reads it; `onLate` gives it up. */
export interface Reader extends Wait {
  /** What of it waits; belongs to {@link UnreadAnswers}. */
  unreadBytes: number;
}

/** Part of an answer that is handed to the runtime at once. */
const SLICE_BYTES = 64 * 1024;
/** Readers that have taken nothing for this long make room for others. */
const STALLED_MS = 1_000;

/**
 * Large answers and streams that are made or wait for their readers, bounded in bytes and in time.
 */
export class UnreadAnswers {
  /** The time of each reader; the owner calls its `check()`. */
  readonly time: TimeLimit;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxUnreadBytes, maxResultBytes, answerTimeoutMs }: AnswerLimits) {
    this.#maxBytes = Math.max(maxUnreadBytes, maxResultBytes);
    this.time = new TimeLimit(answerTimeoutMs);
  }

  /**
   * So much more waits for a reader. Others that stand still are given up when there is no room.
   *
   * @throws {SnakedenError} `server_busy` when there still is none.
   */
  add(reader: Reader, bytes: number): void {
    this.#makeRoom(bytes, reader);
    this.#bytes += bytes;
    reader.unreadBytes += bytes;
    this.time.begin(reader);
  }

  /**
   * Room for an answer that is still being made, until the result is disposed: its reader cannot
   * take anything yet.
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
        `Cannot hold an answer of ${bytes} bytes: ${this.#bytes} bytes are being written or wait for their readers; ` +
          `${this.#maxBytes} are allowed (limits.maxUnreadBytes)`,
        { retryable: true, details: { maxUnreadBytes: this.#maxBytes, mayHaveRun: true } },
      );
    }
  }

  /** A reader took something, and its time begins anew. */
  take(reader: Reader, bytes: number): void {
    const taken = Math.min(bytes, reader.unreadBytes);
    this.#bytes -= taken;
    reader.unreadBytes -= taken;
    this.time.begin(reader);
  }

  /** A reader has everything, or left. */
  end(reader: Reader): void {
    this.#bytes -= reader.unreadBytes;
    reader.unreadBytes = 0;
    this.time.end(reader);
  }

  /**
   * A body that is made of parts and sent in slices, as its reader takes them.
   *
   * @throws {SnakedenError} `server_busy`.
   */
  body(parts: readonly Uint8Array[]): ReadableStream<Bytes> {
    const source = new PartsSource(this, parts);
    this.add(source, lengthOf(parts));
    return new ReadableStream(source, { highWaterMark: 0 });
  }
}

/** What the runtime pulls a large answer from. */
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
    // Whatever the runtime still holds must not keep the whole answer.
    this.#slices = slicesOf([]);
  }

  onLate(): void {
    this.cancel();
    this.#controller?.error(new Error("Nobody reads the answer"));
  }
}

/**
 * Parts in pieces for the runtime. Pieces of a large part are copies, so that one that still waits
 * there keeps nothing else.
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

/** Bytes of all parts. */
export function lengthOf(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}
