import type { InputSource } from "../../../bridge/mod.ts";
import { messageOf } from "../../../errors.ts";
import { getLogger } from "../../../log.ts";

/** The next item of a source, or its end. */
export type Step = IteratorResult<unknown, unknown>;

/** Pulls the items of a source one by one, and closes it once. */
export interface Puller {
  /** Begins with the first item. Throws or rejects with the error of the source. */
  next(): Step | Promise<Step>;
  /** Tells the source that nobody wants the rest. Never waits for it, and never throws. */
  close(): void;
}

/** Returns the puller of a source, which begins nothing. */
export function pullerOf(source: InputSource): Puller {
  if (source instanceof ReadableStream) return new StreamPuller(source);
  if (Symbol.asyncIterator in source) {
    return new IteratorPuller(source, () => source[Symbol.asyncIterator]());
  }
  return new IteratorPuller(source, () => awaited(source));
}

/**
 * Pulls from an iterator. One that was not begun is closed only if the source is the iterator
 * itself: of any other source, closing would first have to begin it.
 */
class IteratorPuller implements Puller {
  readonly #source: object;
  readonly #begin: () => AsyncIterator<unknown>;
  #iterator: AsyncIterator<unknown> | undefined;

  constructor(source: object, begin: () => AsyncIterator<unknown>) {
    this.#source = source;
    this.#begin = begin;
  }

  next(): Promise<Step> {
    this.#iterator ??= this.#begin();
    return this.#iterator.next();
  }

  close(): void {
    if (this.#iterator === undefined && !("next" in this.#source)) return;
    quietly(() => (this.#iterator ?? this.#begin()).return?.());
  }
}

/**
 * Pulls from a ReadableStream by a reader: the iterator of a stream that waits for a chunk cannot
 * be closed before the chunk has come.
 */
class StreamPuller implements Puller {
  readonly #stream: ReadableStream<unknown>;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;

  constructor(stream: ReadableStream<unknown>) {
    this.#stream = stream;
  }

  next(): Promise<Step> {
    this.#reader ??= this.#stream.getReader();
    return this.#reader.read() as Promise<Step>;
  }

  close(): void {
    quietly(() => (this.#reader ?? this.#stream).cancel());
  }
}

/** Returns an iterator whose items that are promises are awaited, as `for await` does. */
function awaited(source: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    next: async () => {
      const { done, value } = source.next();
      return done ? { done, value } : { value: await value };
    },
    return: async () => {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

/** Closes a source whose call has ended, so that nobody can be told about a failure. */
function quietly(close: () => unknown): void {
  const failed = (error: unknown): void => {
    getLogger("pool").debug("an input stream failed to close: {reason}", {
      reason: messageOf(error),
    });
  };
  try {
    Promise.resolve(close()).catch(failed);
  } catch (error) {
    failed(error);
  }
}
