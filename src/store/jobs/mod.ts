/**
 * The port for jobs: {@link JobStore} and its rows. The engine that runs jobs is src/jobs;
 * tests/store/jobs tests every driver against the comments here.
 *
 * @module
 */
export { checkNewJobs, JOB_LIMITS } from "./check_new_job.ts";
export type { Claim, ClaimAsk, End, EndAnswer, Ended, Hold, HoldAnswer, Outcome } from "./claim.ts";
export {
  type JobCount,
  type JobEvent,
  type JobEventOrReset,
  type JobFilter,
  MAX_AHEAD,
  type StoreWait,
} from "./job_filter.ts";
export {
  type AttemptRow,
  FINAL_STATES,
  isFinal,
  JOB_STATES,
  type JobError,
  type JobExit,
  type JobRecord,
  type JobRow,
  type JobState,
  WAITING_STATES,
} from "./job_row.ts";
export type {
  CancelAnswer,
  Changed,
  Holder,
  JobChoice,
  JobStore,
  JobStoreLimits,
  RetryAnswer,
  Swept,
} from "./job_store.ts";
export type {
  ConcurrencyLimit,
  NewJob,
  RateLimit,
  Retention,
  SubmitAnswer,
  UniqueMode,
} from "./new_job.ts";
export type { QueueLimits, QueuePatch, QueueRow, QueueToDeclare } from "./queue_row.ts";
