import type { InputSource } from "../../values/mod.ts";

/** The next item of a source, or its end. */
export type Step = IteratorResult<unknown, unknown>;

/** Pulls the items of a source one by one, and closes it once. Begins nothing by itself. */
export class SourceReader {
  readonly #source: InputSource;
  #iterator: AsyncIterator<unknown> | undefined;
  /** The reader of a ReadableStream, whose iterator could not be closed while it waits. */
  #reader: ReadableStreamDefaultReader<unknown> | undefined;
  #hasEnded = false;

  constructor(source: InputSource) {
    this.#source = source;
  }

  /** Returns the next item. Rejects with the error of the source. */
  async next(): Promise<Step> {
    try {
      const step = await this.#step();
      this.#hasEnded ||= step.done === true;
      return step;
    } catch (error) {
      this.#hasEnded = true;
      throw error;
    }
  }

  /** Tells the source that nobody wants the rest. Never waits for it, and never throws. */
  close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      // Nobody is left who could be told about a failure.
      Promise.resolve(this.#leave()).catch(() => {});
    } catch {
      // As above.
    }
  }

  #step(): Step | Promise<Step> {
    const source = this.#source;
    if (source instanceof ReadableStream) {
      this.#reader ??= source.getReader();
      return this.#reader.read() as Promise<Step>;
    }
    return (this.#iterator ??= iteratorOf(source)).next();
  }

  #leave(): unknown {
    const source = this.#source;
    if (source instanceof ReadableStream) return (this.#reader ?? source).cancel();
    // To close any other source that was not begun would first begin it.
    if (this.#iterator === undefined && !("next" in source)) return undefined;
    return (this.#iterator ?? iteratorOf(source)).return?.();
  }
}

function iteratorOf(source: Exclude<InputSource, ReadableStream>): AsyncIterator<unknown> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return {
    // Items that are promises are awaited, as `for await` does.
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
