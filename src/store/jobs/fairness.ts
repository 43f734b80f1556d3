import type { JsonObject } from "../session_row.ts";

/**
 * The rules by which a queue shares its slots between keys: start-time fair queueing.
 *
 * The jobs of a queue, a pool and a priority are a lane. A job of a fair queue gets a rank in its
 * lane when it becomes available for the first time, and when it is retried after its end:
 * {@link nextRank}. Claims take the jobs of a lane by rank, then by `seq`, so each key with waiting
 * jobs has a turn before any of them has its next one. A job that is tried again or returned keeps
 * its rank. If a job ends that has not begun, its key gets its turn back: the last rank of the key
 * goes down by one.
 *
 * @see P. Goyal, H. Vin, H. Cheng: Start-time Fair Queueing, SIGCOMM 1996.
 */

/** The most characters of a key. A longer one is cut. */
const MAX_KEY_CHARS = 512;

/**
 * Returns the key of a job in a queue that is shared by the path `fairBy`. Jobs without a text, a
 * number or a boolean at the path share the empty key.
 */
export function fairKey(fairBy: string, metadata: JsonObject): string {
  if (fairBy === "") return "";
  let value: unknown = metadata;
  for (const name of fairBy.split(".").slice(1)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return "";
    value = (value as Record<string, unknown>)[name];
  }
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    return "";
  }
  return String(value).slice(0, MAX_KEY_CHARS).toWellFormed();
}

/**
 * Returns the rank of the next job of a key.
 *
 * @param virtual The virtual time of the lane: the highest rank that has started.
 * @param last The rank of the last job of the key; undefined if it is forgotten.
 */
export function nextRank(virtual: number, last: number | undefined): number {
  return Math.max(virtual, last ?? 0) + 1;
}
