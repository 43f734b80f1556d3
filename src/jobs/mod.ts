/**
 * Durable jobs: work that is submitted, kept in the store, run, and followed by whoever asks.
 *
 * @module
 */
export type {
  BatchJob,
  BatchResult,
  BatchResultsOptions,
  CallJob,
  CancelJobOptions,
  CancelManyOptions,
  CommandJob,
  Job,
  JobAttempt,
  JobChoice,
  JobEvent,
  JobEventsOptions,
  JobInput,
  JobItems,
  JobListOptions,
  JobOptions,
  JobPage,
  JobRetry,
  ManyOutcome,
  ManySubmitOutcome,
  ProgramOptions,
  Queue,
  RetryManyOptions,
  ScriptJob,
  ScriptPermissions,
  SubmitJobOptions,
  SubmitOutcome,
  WaitingFor,
  WaitOptions,
} from "./job.ts";
export { JobFeed, type JobListener, type JobNews } from "./job_feed.ts";
export { JobEngine, type JobEngineDeps, type JobPool } from "./engine/mod.ts";
export { AttemptFolders, type ProgramLauncher, ScriptFolders, ScriptSlots } from "./scripts/mod.ts";
export {
  allRunners,
  type CommandRunnerDeps,
  type PreparedJob,
  type ProgramAccess,
  ProgramRuns,
  type Run,
  type Runner,
  type RunnerDeps,
  type Runners,
  type RunResult,
  type ScriptRunnerDeps,
} from "./runners/mod.ts";
export {
  type JobLogsOptions,
  jobOutputs,
  jsonLinesOf,
  type LogItem,
  type LogLine,
} from "./follow/mod.ts";
export { JobHandle } from "./job_handle.ts";
export type { RunningJobs } from "./job_reader.ts";
export { Jobs, type JobsDeps } from "./jobs.ts";
export { Queues, type QueueUpdate } from "./queues.ts";
export {
  isTokenText,
  type JobParent,
  JobTokens,
  type PreparedDeno,
  type PreparedPython,
  ScriptEnvironments,
  type ScriptEnvironmentsOptions,
  type TokenGrant,
  type TokenHolder,
} from "./scripts/mod.ts";
export { StoredBlob } from "./stored_blob.ts";
export {
  batchJobSchema,
  callJobSchema,
  commandJobSchema,
  DEFAULT_QUEUE,
  MAX_BATCH,
  scriptJobSchema,
} from "./submission/mod.ts";
