import { delay } from "../../../async/mod.ts";
import { SnakedenError } from "../../../errors.ts";
import type { Reader, UnreadAnswers } from "./unread_answers.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The memory that a stream needs for its next bytes, until the client has them. */
const ROOM_BYTES = 256 * 1024;
/** The time after which a stream that found no room tries it again. */
const RETRY_MS = 50;
/** The least chunk whose memory is freed; smaller ones may share theirs with others. */
const MIN_FREED_BYTES = 64 * 1024;

/**
 * Returns a body that is made of streams, one after the other, which are read as the client reads.
 * A client that reads nothing for too long is disconnected, and earlier if others need its memory:
 * all bodies together have that of `maxUnreadBytes`. However the body ends, all streams are read to
 * their ends or cancelled. Their chunks must be theirs alone, since the memory of those that the
 * runtime has is freed (`freesSent`).
 */
export function streamedBody(
  streams: readonly ReadableStream<Uint8Array>[],
  answers: StreamedAnswers,
): ReadableStream<Bytes> {
  return new ReadableStream(new StreamsSource(streams, answers), { highWaterMark: 0 });
}

/** The part of {@link UnreadAnswers} that bodies made of streams need. */
export type StreamedAnswers = Pick<UnreadAnswers, "add" | "end" | "freesSent" | "time">;

/** The source from which the runtime pulls a body. */
class StreamsSource implements Reader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #answers: StreamedAnswers;
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[];
  readonly #left = new AbortController();
  #controller: ReadableStreamDefaultController<Bytes> | undefined;
  /** The last chunk that the runtime was given. */
  #sent: Bytes | undefined;

  constructor(streams: readonly ReadableStream<Uint8Array>[], answers: StreamedAnswers) {
    this.#readers = streams.map((it) => it.getReader());
    this.#answers = answers;
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
    this.#answers.time.begin(this);
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    // The client has what it was given. Its time begins again when it has something to read.
    this.#answers.end(this);
    this.#freeSent();
    try {
      await this.#takeRoom();
      if (this.#left.signal.aborted) return;
      for (let [reader] = this.#readers; reader !== undefined; [reader] = this.#readers) {
        const { done, value } = await reader.read();
        if (this.#left.signal.aborted) return;
        if (!done) {
          this.#answers.time.begin(this);
          this.#sent = value as Bytes;
          controller.enqueue(this.#sent);
          return;
        }
        this.#readers.shift();
      }
      this.#answers.end(this);
      controller.close();
    } catch (error) {
      await this.cancel(error);
      throw error;
    }
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#left.abort();
    this.#answers.end(this);
    const readers = this.#readers.splice(0);
    await Promise.allSettled(readers.map((it) => it.cancel(reason)));
  }

  onLate(): void {
    const error = new Error("Nobody reads the response");
    this.#controller?.error(error);
    void this.cancel(error);
  }

  /**
   * Frees the memory of the last chunk: that the runtime asks for the next one means that it holds
   * the bytes itself.
   */
  #freeSent(): void {
    const { buffer, byteOffset } = this.#sent ?? {};
    this.#sent = undefined;
    if (!this.#answers.freesSent || buffer === undefined) return;
    if (byteOffset === 0 && buffer.byteLength >= MIN_FREED_BYTES) buffer.transfer(0);
  }

  /** Waits for room if all others read: a download that has begun is not refused. */
  async #takeRoom(): Promise<void> {
    while (!this.#left.signal.aborted) {
      try {
        this.#answers.add(this, ROOM_BYTES);
        // It waits for the store, not for the client.
        this.#answers.time.end(this);
        return;
      } catch (error) {
        if (!(error instanceof SnakedenError && error.code === "server_busy")) throw error;
        await delay(RETRY_MS, this.#left.signal);
      }
    }
  }
}
