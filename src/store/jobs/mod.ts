/**
 * The port for jobs: {@link JobStore} and its rows, and rules that every driver follows in the same
 * way: tokens, cursors, rates ({@link allowedStarts}) and transitions ({@link afterOutcome}). The
 * engine that runs jobs is src/jobs; tests/store/jobs tests every driver against the comments here.
 *
 * @module
 */
export { checkNewJobs, JOB_LIMITS } from "./check_new_job.ts";
export type {
  Claim,
  ClaimAsk,
  End,
  EndAnswer,
  Ended,
  Hold,
  HoldAnswer,
  JobResult,
  Outcome,
} from "./claim.ts";
export { type ClaimId, claimToken, newNonce, readClaimToken } from "./claim_token.ts";
export {
  checkNewFile,
  checkQuota,
  type FileFilter,
  type FileQuota,
  type FileRow,
  type FileStore,
  type FileTotals,
  MAX_FILE_NAME,
  type NewFile,
  noJobOfFile,
  type PinnedFiles,
  takenFileId,
  unknownFileOfJob,
} from "./files/mod.ts";
export { fairKey, nextRank } from "./fairness.ts";
export { allowedStarts, nextStartAt, type Rate, tatAfter } from "./gcra.ts";
export { type CursorUse, jobCursor, readJobCursor } from "./job_cursor.ts";
export {
  type JobCount,
  type JobEvent,
  type JobEventOrReset,
  type JobFilter,
  MAX_AHEAD,
  type StoreWait,
} from "./job_filter.ts";
export { errorWords, isSearch, MAX_SEARCH_CHARS, searchWords } from "./job_search.ts";
export {
  addedToLog,
  EMPTY_LOG,
  type JobLogs,
  lastLineOf,
  linesBehind,
  type LogChange,
  type LogEnd,
  type LogPart,
  type LogPartOrReset,
  MAX_LOG_PART_BYTES,
  type RunLines,
  type StoredLine,
} from "./job_logs.ts";
export {
  type JobOutputs,
  MAX_INLINE_OUTPUT,
  type OutputPart,
  type OutputsAsResult,
  type OutputsOptions,
  type StoredOutput,
} from "./job_outputs.ts";
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
export {
  afterLoss,
  afterOutcome,
  expiredError,
  firstStart,
  lostError,
  type Running,
  type Transition,
} from "./job_transition.ts";
export { memoryJobs, type MemoryJobsOptions } from "./memory/mod.ts";
export type {
  ConcurrencyLimit,
  NewJob,
  RateLimit,
  Retention,
  SubmitAnswer,
  UniqueMode,
} from "./new_job.ts";
export {
  queueDraining,
  type QueueLimits,
  type QueuePatch,
  type QueueRow,
  type QueueToDeclare,
} from "./queue_row.ts";
