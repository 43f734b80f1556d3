/**
 * The time that calls take: the silence of a tool, the errors of a time that is over, and an
 * estimate of how long the next call of a tool will run.
 *
 * @module
 */
export { RunTimes } from "./run_times.ts";
export { type Sign, StallWatch, type StallWatchOptions } from "./stall_watch.ts";
export { DEADLINE_GRACE_MS, expiredInQueue, overran, stalled } from "./time_failures.ts";
