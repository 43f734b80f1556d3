/**
 * Durable jobs: work that is submitted, kept in the store, run, and followed by whoever asks.
 *
 * @module
 */
export type {
  CallJob,
  Job,
  JobAttempt,
  JobChoice,
  JobEvent,
  JobInput,
  JobOptions,
  JobPage,
  JobRetry,
  ManyOutcome,
  Queue,
  SubmitOutcome,
  WaitingFor,
} from "./job.ts";
export { JobFeed, type JobListener, type JobNews } from "./job_feed.ts";
export type { PreparedJob, Run, RunFailure, Runner, RunResult } from "./runners/mod.ts";
