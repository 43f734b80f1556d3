import type { Value } from "../bridge/mod.ts";
import { showCaller } from "../caller_stack.ts";
import { SnakedenError } from "../errors.ts";
import type { ItemOutcome } from "../pool/mod.ts";
import type { MapRun, Outcomes } from "./map_run.ts";

/** The outcome of one item of a map; `index` is its place among the items, from 0. */
export type MapOutcome<T = unknown> =
  | { readonly index: number; readonly result: T; readonly error?: undefined }
  | { readonly index: number; readonly error: SnakedenError; readonly result?: undefined };

/** Options of {@link MapResults}. */
export interface MapResultsOptions {
  /** Begins the map. */
  readonly open: () => Pick<MapRun<never>, "next" | "leave">;
  /** True if errors of items are yielded, and results as outcomes. */
  readonly yieldsErrors: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * The results of a map, read once: iterate over them, or await a list of all. The map begins with
 * that. Leaving the loop early cancels what runs, and ends the iterable of items.
 *
 * With `onError: "yield"`, elements are of type {@link MapOutcome}.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start();
 * const items = Array.from({ length: 1_000 }, (_, a) => ({ a, b: 1 }));
 * const sums = await den.map<number>("add", items);
 * for await (const sum of den.map<number>("add", items, { ordered: false })) console.log(sum);
 * console.log(sums.length);
 * ```
 */
export class MapResults<T = unknown> implements AsyncIterable<T>, PromiseLike<T[]> {
  readonly #options: MapResultsOptions;
  #isRead = false;
  #all: Promise<T[]> | undefined;

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
    try {
      for await (const { from, outcomes } of this.#read()) {
        let index = from;
        for (const outcome of outcomes) yield this.#elementOf(index++, outcome);
      }
    } catch (error) {
      showCaller(error, { below: this[Symbol.asyncIterator], signal: this.#options.signal });
      throw error;
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
    try {
      for await (const { from, outcomes } of this.#read()) {
        let index = from;
        for (const outcome of outcomes) elements.push(this.#elementOf(index++, outcome));
      }
    } catch (error) {
      showCaller(error, { below: this.then, signal: this.#options.signal });
      throw error;
    }
    return elements;
  }

  async *#read(): AsyncGenerator<Outcomes, void, undefined> {
    if (this.#isRead) throw new TypeError("Cannot read the results of a map twice");
    this.#isRead = true;
    const run = this.#options.open();
    try {
      for (let next = await run.next(); next !== undefined; next = await run.next()) yield next;
    } finally {
      run.leave(new DOMException("The reader left the results of the map", "AbortError"));
    }
  }

  #elementOf(index: number, outcome: ItemOutcome): T {
    if (!this.#options.yieldsErrors) {
      if (!(outcome instanceof SnakedenError)) return decoded(outcome) as T;
      outcome.addDetails({ index });
      throw outcome;
    }
    const element: MapOutcome = outcome instanceof SnakedenError
      ? { index, error: outcome }
      : { index, result: decoded(outcome) };
    return element as T;
  }
}

function decoded(outcome: string | Value): unknown {
  return typeof outcome === "string" ? JSON.parse(outcome) : outcome.decode();
}
