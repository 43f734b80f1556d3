import type { DenMap, MapOutcome } from "../shapes/mod.ts";

/** Options of {@link MapResults}. */
export interface MapResultsOptions {
  /** Makes the request; yields the outcomes of items. */
  readonly open: () => AsyncGenerator<MapOutcome, void, undefined>;
  /** True if errors of items are yielded, and results as outcomes. */
  readonly yieldsErrors: boolean;
}

/**
 * The results of a map, read once: iterate over them, or await a list of all. The map begins with
 * that. Leaving the loop early cancels what runs, and ends the iterable of items.
 */
export class MapResults<T = unknown> implements DenMap<T> {
  readonly #options: MapResultsOptions;
  #isRead = false;
  #all: Promise<T[]> | undefined;

  /** Prepares a map. Programs get theirs from {@link SnakedenClient.map}. */
  constructor(options: MapResultsOptions) {
    this.#options = options;
  }

  /**
   * Yields results, or outcomes of items with `onError: "yield"`.
   *
   * @throws {SnakedenError} The first error of an item, with its `details.index`; or the error for
   * which the map cannot go on.
   * @throws {TypeError} If it was read or awaited before.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#isRead) throw new TypeError("Cannot read the results of a map twice");
    this.#isRead = true;
    const { open, yieldsErrors } = this.#options;
    for await (const outcome of open()) {
      if (yieldsErrors) yield outcome as T;
      else if (outcome.error === undefined) yield outcome.result as T;
      else {
        outcome.error.addDetails({ index: outcome.index });
        throw outcome.error;
      }
    }
  }

  /** Resolves with all elements, as a promise does. Further ones get the same list. */
  then<A = T[], B = never>(
    onFulfilled?: ((elements: T[]) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#all ??= this.#list();
    return this.#all.then(onFulfilled, onRejected);
  }

  async #list(): Promise<T[]> {
    const elements: T[] = [];
    for await (const it of this) elements.push(it);
    return elements;
  }
}
