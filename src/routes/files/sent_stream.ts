import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { Reader, UnreadAnswers, Wait } from "../http/mod.ts";

/**
 * The longest piece that is passed to the runtime. Smaller ones take four times the CPU time, and
 * each reader has one piece in memory.
 */
const PIECE_BYTES = 256 * 1024;

/**
 * Returns a stream that is sent as its reader reads it. A reader that reads nothing for the time of
 * `answers` is disconnected, and its source cancelled.
 */
export function sentStream(
  source: ReadableStream<Uint8Array>,
  answers: UnreadAnswers,
): ReadableStream<Uint8Array> {
  return new ReadableStream(new SentStream(source, answers), { highWaterMark: 0 });
}

/** The source from which the runtime pulls a stream. */
class SentStream implements Reader, UnderlyingDefaultSource<Uint8Array> {
  since = 0;
  isWaiting = false;
  earlier: Wait | undefined = undefined;
  later: Wait | undefined = undefined;
  unreadBytes = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #answers: UnreadAnswers;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The rest of the chunk that was read last. */
  #rest: Uint8Array = new Uint8Array();

  constructor(source: ReadableStream<Uint8Array>, answers: UnreadAnswers) {
    this.#reader = source.getReader();
    this.#answers = answers;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#answers.time.begin(this);
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    // The last piece was taken.
    this.#answers.take(this, this.unreadBytes);
    if (this.#rest.byteLength === 0) {
      const { value, done } = await this.#read();
      if (done) {
        this.#answers.end(this);
        controller.close();
        return;
      }
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, PIECE_BYTES);
    this.#rest = this.#rest.subarray(piece.byteLength);
    try {
      this.#answers.add(this, piece.byteLength);
    } catch (error) {
      void this.cancel(error);
      throw error;
    }
    controller.enqueue(piece);
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#answers.end(this);
    this.#rest = new Uint8Array();
    await this.#reader.cancel(reason).catch(() => {});
  }

  onLate(): void {
    void this.cancel();
    this.#controller?.error(new Error("Nobody reads the response"));
  }

  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      return await this.#reader.read();
    } catch (error) {
      this.#answers.end(this);
      getLogger("http").error("cannot send the rest of a file: {problem}", {
        problem: messageOf(error),
      });
      throw error;
    }
  }
}
