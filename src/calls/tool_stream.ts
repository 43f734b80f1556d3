import { delay, LazyPromise } from "../async/mod.ts";
import { showCaller } from "../caller_stack.ts";
import type { ChunkStream, StreamEvent } from "../pool/mod.ts";

/** Options of a {@link ToolStream}. */
export interface ToolStreamOptions {
  /** Returns true if the tool does not stream: its result is then the one element of the stream. */
  readonly isOneResult?: () => boolean;
  /** The signal of the call. */
  readonly signal?: AbortSignal | undefined;
}

/** Submits a call. The signal aborts when its reader leaves. */
export type OpenStream = (leaving: AbortSignal) => ChunkStream | Promise<ChunkStream>;

/**
 * A streaming call, read once: iterate over it for the chunks, or over {@link ToolStream.events}
 * for everything. The call begins with the first read. Leaving the loop early cancels it.
 *
 * Awaiting {@link ToolStream.result} of a stream that nobody reads begins the call, too. It drops
 * the chunks, and the stream cannot be read any more.
 *
 * A tool that is no generator has no chunks. The loop then gets its result, as the only element.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start();
 * const stream = den.stream<number>("counter", { n: 3 });
 * for await (const event of stream.events()) {
 *   if (event.type === "chunk") console.log(event.value.decode());
 *   if (event.type === "progress") console.log("progress:", event.value.decode());
 * }
 * console.log("returned:", await stream.result);
 * ```
 */
export class ToolStream<T = unknown> implements AsyncIterable<T> {
  readonly #open: OpenStream;
  readonly #isOneResult: () => boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #result = Promise.withResolvers<unknown>();
  #lazyResult: Promise<unknown> | undefined;
  #isRead = false;
  #isDrained = false;
  #left: DOMException | undefined;

  /**
   * Prepares a stream, which submits nothing until it is read or its result is awaited.
   *
   * @param open Submits the call; throws if the pool refuses it.
   */
  constructor(
    open: OpenStream,
    { isOneResult = () => false, signal }: ToolStreamOptions = {},
  ) {
    this.#open = open;
    this.#isOneResult = isOneResult;
    this.#signal = signal;
    // Most readers take only the chunks, and get errors there.
    this.#result.promise.catch(() => {});
  }

  /**
   * The value that the tool returned; for a generator that of its `return`, which is mostly null.
   * Settles once the stream is read to its end. Rejects with the error of the call, or with an
   * `AbortError` if the reader left the loop early.
   *
   * Getting it does nothing. Awaiting it while nobody reads the stream begins the call, unless a
   * reader comes in the same turn of the event loop, and drops the chunks.
   */
  get result(): Promise<unknown> {
    return this.#lazyResult ??= new LazyPromise(() => this.#awaitResult());
  }

  /**
   * Yields the chunks, decoded; the result if the tool does not stream.
   *
   * @throws {SnakedenError} The error of the call.
   * @throws {TypeError} If the stream was read before, or `result` was awaited without a reader.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let isEmpty = true;
    try {
      for await (const event of this.events()) {
        if (event.type === "chunk") {
          isEmpty = false;
          yield event.value.decode() as T;
        } else if (event.type === "done" && isEmpty && this.#isOneResult()) {
          yield await this.#result.promise as T;
        }
      }
    } catch (error) {
      showCaller(error, { below: this[Symbol.asyncIterator], signal: this.#signal });
      throw error;
    }
  }

  /**
   * Yields chunks and progress as they come, and then `done`. `event.value.decode()` decodes.
   *
   * @throws {SnakedenError} The error of the call.
   * @throws {TypeError} If the stream was read before, or `result` was awaited without a reader.
   */
  async *events(): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#isRead) {
      throw new TypeError(
        this.#isDrained
          ? "Cannot read the stream of a tool: its result was awaited while nobody read it, " +
            "which drops the chunks. Read the stream, and await the result after that"
          : "Cannot read a stream of a tool twice",
      );
    }
    this.#isRead = true;
    const leaving = new AbortController();
    try {
      const opened = this.#open(leaving.signal);
      const stream = opened instanceof Promise ? await opened : opened;
      for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
        if (event.type === "done") this.#result.resolve(event.value.decode());
        yield event;
      }
    } catch (error) {
      showCaller(error, { below: this.events, signal: this.#signal });
      this.#result.reject(error);
      throw error;
    } finally {
      this.#left = new DOMException("The reader left the stream", "AbortError");
      leaving.abort(this.#left);
      this.#result.reject(this.#left);
    }
  }

  /** Waits for the result. Begins the call if nobody reads the stream. */
  async #awaitResult(): Promise<unknown> {
    try {
      if (!this.#isRead) {
        // A reader may come right after, as in `Promise.all([stream.result, read(stream)])`.
        await delay(0);
        if (!this.#isRead) void this.#drain();
      }
      return await this.#result.promise;
    } catch (error) {
      if (error instanceof DOMException && error === this.#left) {
        Error.captureStackTrace(error, this.#awaitResult);
      }
      showCaller(error, { below: this.#awaitResult, signal: this.#signal });
      throw error;
    }
  }

  /** Reads the stream to its end, and drops what it reads. */
  async #drain(): Promise<void> {
    this.#isDrained = true;
    try {
      for await (const _ of this.events());
    } catch {
      // The result has the error.
    }
  }
}
