import { LazyPromise } from "../../async/mod.ts";
import type { DenStream, StreamEvent } from "../shapes/mod.ts";

/** A call that has begun. */
export interface OpenedCall {
  /** Returns the next event; undefined after `done`. Throws the error of the call. */
  next(): Promise<StreamEvent | undefined>;
  /** Cancels the call, unless it has ended. */
  leave(): void | Promise<void>;
}

/** Options of a {@link ToolStream}. */
export interface ToolStreamOptions {
  /** Makes the call. The signal aborts when the reader leaves. */
  readonly open: (leaving: AbortSignal) => Promise<OpenedCall>;
  /** Returns true if the tool does not stream: its result is then the one element of the stream. */
  readonly isOneResult: () => Promise<boolean>;
  /** Called with each report of progress, decoded. */
  readonly onProgress?: (report: unknown) => void;
}

interface Settle {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * A streaming call, read once: iterate over it for the chunks, or over {@link ToolStream.events}
 * for everything. The call begins with the first read. Leaving the loop early cancels it.
 *
 * Awaiting {@link ToolStream.result} of a stream that nobody reads begins the call, too. It drops
 * the chunks, and the stream cannot be read any more.
 *
 * A tool that is no generator has no chunks. The loop then gets its result, as the only element.
 */
export class ToolStream<T = unknown> implements DenStream<T> {
  readonly #options: ToolStreamOptions;
  readonly #settled: Promise<unknown>;
  readonly #settle: Settle;
  #lazyResult: Promise<unknown> | undefined;
  #isRead = false;
  #isDrained = false;

  /** Prepares a stream. Programs get theirs from {@link SnakedenClient.stream}. */
  constructor(options: ToolStreamOptions) {
    this.#options = options;
    // Node 20 has no Promise.withResolvers.
    const settle: Partial<Settle> = {};
    this.#settled = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    this.#settle = settle as Settle;
    // Most readers take only the chunks, and get errors there.
    this.#settled.catch(() => {});
  }

  /**
   * The value that the tool returned; for a generator that of its `return`, which is mostly null.
   * Settles once the stream is read to its end. Rejects with the error of the call, or with an
   * `AbortError` if the reader left the loop early.
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
    for await (const event of this.events()) {
      if (event.type === "chunk") {
        isEmpty = false;
        yield event.value.decode() as T;
      } else if (event.type === "done" && isEmpty && await this.#options.isOneResult()) {
        yield event.value.decode() as T;
      }
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
    let events: OpenedCall | undefined;
    try {
      events = await this.#options.open(leaving.signal);
      for (let event = await events.next(); event !== undefined; event = await events.next()) {
        if (event.type === "done") this.#settle.resolve(event.value.decode());
        if (event.type === "progress") this.#options.onProgress?.(event.value.decode());
        yield event;
      }
    } catch (error) {
      this.#settle.reject(error);
      throw error;
    } finally {
      const left = new DOMException("The reader left the stream", "AbortError");
      this.#settle.reject(left);
      leaving.abort(left);
      await events?.leave();
    }
  }

  async #awaitResult(): Promise<unknown> {
    if (!this.#isRead) {
      // A reader may come right after, as in `Promise.all([stream.result, read(stream)])`.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (!this.#isRead) void this.#drain();
    }
    return await this.#settled;
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
