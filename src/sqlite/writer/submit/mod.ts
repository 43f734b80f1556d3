/**
 * Submissions of jobs: those that are refused, that an earlier one answers, or that replace a job
 * that waits.
 *
 * @module
 */
export { INLINE_BYTES } from "./job_parts.ts";
export { refusedBy, takenIds } from "./refusals.ts";
export { submit } from "./submit.ts";
