/**
 * Failures of work: the error as it is kept, and the time after which the work is tried again.
 *
 * @module
 */
export { exitOf, jobErrorOf } from "./job_error.ts";
export { type RetryDelayOptions, retryInMs } from "./retry_delay.ts";
