import type { RateLimit } from "./new_job.ts";

/** The starts that a rate allows: `limit` in `periodMs`. */
export type Rate = Pick<RateLimit, "limit" | "periodMs">;

/**
 * The part of the interval between two starts by which a start may come too early. It absorbs the
 * rounding of sums of such intervals, and adds nothing over many starts.
 */
const SLACK = 0.01;

/**
 * Returns the number of starts that a rate allows at `now`, by the generic cell rate algorithm.
 * `tat` is its only state: the time at which all starts so far are paid for; 0 before the first.
 */
export function allowedStarts(tat: number, now: number, { limit, periodMs }: Rate): number {
  const left = (now + periodMs - Math.max(tat, now)) * limit / periodMs;
  return Math.max(0, Math.min(limit, Math.floor(left + SLACK)));
}

/** Returns the state of a rate after `count` starts at `now`. */
export function tatAfter(
  tat: number,
  now: number,
  { limit, periodMs, count }: Rate & { readonly count: number },
): number {
  return Math.max(tat, now) + count * periodMs / limit;
}

/** Returns the first time, in whole milliseconds, at which {@link allowedStarts} is at least 1. */
export function nextStartAt(tat: number, now: number, rate: Rate): number {
  const { limit, periodMs } = rate;
  const at = Math.max(now, Math.ceil(tat - periodMs + (1 - SLACK) * periodMs / limit));
  // Both formulas round, so they can differ by a millisecond.
  if (allowedStarts(tat, at, rate) === 0) return at + 1;
  return at > now && allowedStarts(tat, at - 1, rate) > 0 ? at - 1 : at;
}
