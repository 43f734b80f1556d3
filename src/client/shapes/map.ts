import type { SnakedenError } from "../../errors.ts";
import type { CallOptions } from "./call.ts";

/** Options of a map. They are those of the library. */
export interface MapOptions extends Omit<CallOptions, "onProgress"> {
  /**
   * The most items that travel to a worker together, from 1 to 10,000. Default: so many that the
   * worker is busy for about 20 ms, by measured times.
   */
  readonly batchSize?: number;
  /**
   * The most batches that are under way, from 1 to 1,000. Default: as many as the pool has places
   * for calls.
   */
  readonly window?: number;
  /** False to get what came of items as they end. Default true: in the order of the items. */
  readonly ordered?: boolean;
  /**
   * `throw` ends the map with the first error of an item; `yield` gives each item as
   * `{ index, result }` or `{ index, error }`. Default `throw`.
   */
  readonly onError?: "throw" | "yield";
}

/** The outcome of one item of a map; `index` is its place among the items, from 0. */
export type MapOutcome<T = unknown> =
  | { readonly index: number; readonly result: T; readonly error?: undefined }
  | { readonly index: number; readonly error: SnakedenError; readonly result?: undefined };

/** The results of a map, read once: iterate over them, or await a list of all. */
export interface DenMap<T = unknown> extends AsyncIterable<T>, PromiseLike<T[]> {}
