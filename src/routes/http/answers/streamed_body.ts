import type { UnreadAnswers } from "./unread_answers.ts";
import type { Wait } from "../time_limit.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Returns a body that is made of streams, one after the other, which are read as the client reads.
 * A client that reads nothing for too long is disconnected. However the body ends, all streams are
 * read to their ends or cancelled.
 */
export function streamedBody(
  streams: readonly ReadableStream<Uint8Array>[],
  { time }: Pick<UnreadAnswers, "time">,
): ReadableStream<Bytes> {
  return new ReadableStream(new StreamsSource(streams, time), { highWaterMark: 0 });
}

/** The source from which the runtime pulls a body. */
class StreamsSource implements Wait, UnderlyingDefaultSource<Bytes> {
  since = 0;
  readonly #time: UnreadAnswers["time"];
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[];
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(streams: readonly ReadableStream<Uint8Array>[], time: UnreadAnswers["time"]) {
    this.#readers = streams.map((it) => it.getReader());
    this.#time = time;
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
    this.#time.begin(this);
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    // The time of the client ends here, and begins again when it has something to read.
    this.#time.end(this);
    try {
      for (let [reader] = this.#readers; reader !== undefined; [reader] = this.#readers) {
        const { done, value } = await reader.read();
        if (!done) {
          this.#time.begin(this);
          controller.enqueue(value as Bytes);
          return;
        }
        this.#readers.shift();
      }
      controller.close();
    } catch (error) {
      await this.cancel(error);
      throw error;
    }
  }

  async cancel(reason?: unknown): Promise<void> {
    this.#time.end(this);
    const readers = this.#readers.splice(0);
    await Promise.allSettled(readers.map((it) => it.cancel(reason)));
  }

  onLate(): void {
    const error = new Error("Nobody reads the response");
    this.#controller?.error(error);
    void this.cancel(error);
  }
}
