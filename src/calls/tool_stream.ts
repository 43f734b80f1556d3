import type { ChunkStream, StreamEvent } from "../pool/mod.ts";
import { showCaller } from "./caller_stack.ts";

/** Options of a {@link ToolStream}. */
export interface ToolStreamOptions {
  /** Returns true if the tool does not stream: its result is then the one element of the stream. */
  readonly isOneResult?: () => boolean;
  /** The signal of the call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A streaming call, read once: iterate over it for the chunks, or over {@link ToolStream.events}
 * for everything. The call starts with the first read. Leaving the loop early cancels it.
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
  readonly #open: (leaving: AbortSignal) => ChunkStream;
  readonly #isOneResult: () => boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #result = Promise.withResolvers<unknown>();
  #used = false;

  /**
   * Prepares a stream, which submits nothing until it is read.
   *
   * @param open Submits the call; throws if the pool refuses it.
   */
  constructor(
    open: (leaving: AbortSignal) => ChunkStream,
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
   * Settles once the stream is read to its end.
   */
  get result(): Promise<unknown> {
    return this.#result.promise;
  }

  /**
   * Yields the chunks, decoded; the result if the tool does not stream.
   *
   * @throws {SnakedenError} The error of the call.
   * @throws {TypeError} If the stream was read before.
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
   * @throws {TypeError} If the stream was read before.
   */
  async *events(): AsyncGenerator<StreamEvent, void, undefined> {
    if (this.#used) throw new TypeError("Cannot read a stream of a tool twice");
    this.#used = true;
    const leaving = new AbortController();
    try {
      const stream = this.#open(leaving.signal);
      for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
        if (event.type === "done") this.#result.resolve(event.value.decode());
        yield event;
      }
    } catch (error) {
      showCaller(error, { below: this.events, signal: this.#signal });
      this.#result.reject(error);
      throw error;
    } finally {
      const left = new DOMException("The reader left the stream", "AbortError");
      leaving.abort(left);
      this.#result.reject(left);
    }
  }
}
