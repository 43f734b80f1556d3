import { isRecord } from "../../json/mod.ts";
import type { JsonObject } from "../../store/mod.ts";
import { BEGINNING, type Place } from "./inputs/mod.ts";

/** The place that a batch has reached: everything that its next start needs. */
export interface Reached {
  /** The index and the place of the first item that has not ended. */
  readonly low: number;
  readonly place: Place;
  /** The index behind the last item that was read. */
  readonly next: number;
  /** The items before `next` that have not ended, as ranges `[from, to)` in order. */
  readonly open: readonly (readonly [from: number, to: number])[];
  /** The attempts of open items that have failed before. */
  readonly attempts: readonly (readonly [index: number, attempts: number])[];
  /** The number of items that have ended, and of those that have failed. */
  readonly done: number;
  readonly failed: number;
}

/** The beginning of a batch. */
export const NOTHING_REACHED: Reached = {
  low: 0,
  place: BEGINNING,
  next: 0,
  open: [],
  attempts: [],
  done: 0,
  failed: 0,
};

const VERSION = 1;

/** Returns a checkpoint. */
export function checkpointOf(reached: Reached): JsonObject {
  return JSON.parse(JSON.stringify({ version: VERSION, ...reached }));
}

/**
 * Reads a checkpoint.
 *
 * @throws {TypeError} For one of a later version.
 */
export function readCheckpoint(checkpoint: JsonObject | undefined): Reached {
  if (checkpoint === undefined) return NOTHING_REACHED;
  const { version, ...reached } = checkpoint;
  if (version !== VERSION || !isRecord(reached["place"])) {
    throw new TypeError(`its version is ${version}; allowed: ${VERSION}`);
  }
  return reached as unknown as Reached;
}

/** Returns rising numbers as ranges `[from, to)`. */
export function rangesOf(numbers: Iterable<number>): [number, number][] {
  const ranges: [number, number][] = [];
  let last: [number, number] | undefined;
  for (const it of numbers) {
    if (last?.[1] === it) last[1]++;
    else ranges.push(last = [it, it + 1]);
  }
  return ranges;
}

/** Returns a function that tells whether a rising series of numbers is in ranges. */
export function memberOf(ranges: Reached["open"]): (index: number) => boolean {
  let at = 0;
  return (index) => {
    while (at < ranges.length && (ranges[at]?.[1] ?? 0) <= index) at++;
    return (ranges[at]?.[0] ?? Infinity) <= index;
  };
}
