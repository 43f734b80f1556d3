import type { StreamEvent } from "../../pool/mod.ts";
import { type Reader, slicesOf } from "../http/mod.ts";
import type { Traffic } from "./traffic.ts";

/** Options of a {@link RawStream}. */
export interface RawStreamOptions {
  readonly events: AsyncIterable<StreamEvent>;
  readonly traffic: Pick<Traffic, "answers">;
  /** The time that the first chunk may take before the response begins without it. */
  readonly firstChunkMs: number;
  /** Makes the error for a chunk that is not bytes. */
  readonly notBytes: () => Error;
  /** Called with the error that cuts the stream off. */
  readonly onError: (error: unknown) => void;
  /** Cancels the call. */
  readonly cancel: () => void;
  /** Called when the stream has ended by itself. */
  readonly onEnd: () => void;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The body of a streaming response that is the bytes of its chunks, one after the other, without
 * progress and result. A failure after the first byte cuts the connection off, since bytes have no
 * place for an error. A slow reader slows the generator in Python.
 */
export class RawStream implements Reader, UnderlyingDefaultSource<Bytes> {
  since = 0;
  unreadBytes = 0;
  readonly #options: RawStreamOptions;
  readonly #iterator: AsyncIterator<StreamEvent>;
  /** The wait for the first chunk, until the first read takes part in it. */
  #first: Promise<boolean> | undefined;
  #slices: Iterator<Bytes, undefined> = slicesOf([]);
  #left = false;
  #controller: ReadableStreamDefaultController<Bytes> | undefined;

  constructor(options: RawStreamOptions) {
    this.#options = options;
    this.#iterator = options.events[Symbol.asyncIterator]();
  }

  /**
   * Waits for the first chunk, so that an early failure has its own status.
   *
   * @throws The error of a call that fails before its first chunk, or that of `notBytes()`.
   */
  async begin(): Promise<void> {
    const { promise: silence, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.firstChunkMs);
    this.#first = this.#next();
    // A later error still reaches the reader, in pull().
    this.#first.catch(() => {});
    try {
      await Promise.race([this.#first, silence]);
    } catch (error) {
      await this.cancel();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The bytes. Cancelling the stream cancels the call. */
  readable(): ReadableStream<Bytes> {
    return new ReadableStream(this, { highWaterMark: 0 });
  }

  start(controller: ReadableStreamDefaultController<Bytes>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Bytes>): Promise<void> {
    const { answers } = this.#options.traffic;
    try {
      // While the tool is silent nobody can read anything.
      answers.time.end(this);
      const first = this.#first;
      this.#first = undefined;
      await first;
      let { value } = this.#slices.next();
      if (value === undefined && await this.#next()) ({ value } = this.#slices.next());
      if (this.#left) return;
      if (value !== undefined) {
        answers.take(this, value.byteLength);
        return controller.enqueue(value);
      }
      answers.end(this);
      this.#options.onEnd();
      controller.close();
    } catch (error) {
      if (this.#left) return;
      this.#options.onError(error);
      controller.error(new Error("The call failed"));
      await this.cancel();
    }
  }

  /** Handles a reader that left. */
  async cancel(): Promise<void> {
    this.#left = true;
    this.#slices = slicesOf([]);
    this.#options.traffic.answers.end(this);
    this.#options.cancel();
    await this.#iterator.return?.();
  }

  /** Disconnects a reader that has read nothing for too long. */
  onLate(): void {
    this.#controller?.error(new Error("Nobody reads the stream"));
    void this.cancel().catch(() => {});
  }

  /** Takes the next chunk; returns false at the end. */
  async #next(): Promise<boolean> {
    const { traffic: { answers }, notBytes } = this.#options;
    while (true) {
      const { value: event, done } = await this.#iterator.next();
      if (done || event.type === "done") {
        // Nothing reads on, so the events end only if they are told to.
        await this.#iterator.return?.();
        return false;
      }
      if (event.type === "progress") continue;
      const raw = event.value.raw;
      if (raw === undefined) throw notBytes();
      if (raw.bytes.byteLength === 0) continue;
      if (this.#left) return false;
      answers.add(this, raw.bytes.byteLength);
      this.#slices = slicesOf([raw.bytes]);
      return true;
    }
  }
}
