import type { FieldIssue } from "../errors.ts";
import { type CallOptions, invalidCall, shownValue } from "../calls/mod.ts";

/** The most items that travel together. */
export const MAX_BATCH_SIZE = 10_000;
/** The most batches that may be under way. */
export const MAX_WINDOW = 1_000;

/**
 * Options of a map. Those of a call hold for each item: `timeoutMs` is the time of one item from
 * its start, and the wait for a worker has no limit but the signal. `onProgress` is not among them.
 */
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

/** Options of a map that ends with the first error of an item. */
export type Throwing = MapOptions & { readonly onError?: "throw" };
/** Options of a map that yields errors of items. */
export type Yielding = MapOptions & { readonly onError: "yield" };
/** Options of a map whose outcomes are gathered in a list. */
export type ExecuteManyOptions = Omit<MapOptions, "onError" | "ordered">;

/** The options of a map that are not those of a call. */
export interface OwnOptions {
  readonly batchSize?: number | undefined;
  readonly window?: number | undefined;
  readonly ordered: boolean;
  readonly yieldsErrors: boolean;
}

/** Returns the options of a map that are wrong. Those of its calls are not looked at. */
export function mapIssues(options: MapOptions): FieldIssue[] {
  const { batchSize, window, ordered, onError } = options;
  const issues: FieldIssue[] = [];
  const check = (path: string, given: unknown, isValid: boolean, allowed: string): void => {
    if (given === undefined || isValid) return;
    issues.push({ path, message: `given ${shownValue(given)}; allowed: ${allowed}` });
  };
  check("batchSize", batchSize, isWhole(batchSize, MAX_BATCH_SIZE), wholeUpTo(MAX_BATCH_SIZE));
  check("window", window, isWhole(window, MAX_WINDOW), wholeUpTo(MAX_WINDOW));
  check("ordered", ordered, typeof ordered === "boolean", "true or false");
  check("onError", onError, onError === "throw" || onError === "yield", "throw or yield");
  if (Reflect.has(options, "onProgress")) {
    issues.push({ path: "onProgress", message: "a map has no progress; count what it yields" });
  }
  return issues;
}

/**
 * Separates the options of a map from those of its calls, and checks them.
 *
 * @throws {InvalidInputError} `invalid_input`, naming every field that is wrong.
 */
export function splitMapOptions(
  options: MapOptions,
): { readonly own: OwnOptions; readonly call: CallOptions } {
  const issues = mapIssues(options);
  const { batchSize, window, ordered, onError, ...call } = options;
  if (issues.length > 0) throw invalidCall(issues);
  return {
    own: { batchSize, window, ordered: ordered ?? true, yieldsErrors: onError === "yield" },
    call,
  };
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

function wholeUpTo(most: number): string {
  return `a whole number from 1 to ${most}`;
}
