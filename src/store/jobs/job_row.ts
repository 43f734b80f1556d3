import type { JsonObject } from "../session_row.ts";

/** Every state of a job. docs/jobs.md draws who moves a job from one to another. */
export const JOB_STATES = [
  "available",
  "scheduled",
  "running",
  "retryable",
  "completed",
  "cancelled",
  "discarded",
] as const;

/**
 * The state of a job, as River names them:
 *
 * - `available`: a claim may take it.
 * - `scheduled`: its time has not come; then it is `available`.
 * - `running`: a holder has it, until its lease ends.
 * - `retryable`: an attempt has failed, or could not begin, and it waits for the next one; then it
 *   is `available`.
 * - `completed`, `cancelled`, `discarded`: the end. A discarded job has used up its attempts, has
 *   failed with an error that no further attempt can cure, or has expired before it began.
 */
export type JobState = typeof JOB_STATES[number];

/** The states in which a job has ended. Only a requested retry leaves them. */
export const FINAL_STATES = ["completed", "cancelled", "discarded"] as const satisfies JobState[];

/** The states in which a job waits to run. */
export const WAITING_STATES = ["available", "scheduled", "retryable"] as const satisfies JobState[];

/** Returns true for a state in which a job has ended. */
export function isFinal(state: JobState): boolean {
  return state === "completed" || state === "cancelled" || state === "discarded";
}

/** The error of an attempt. It comes back as it was given. */
export interface JobError {
  /** An {@link ErrorCode}. */
  readonly code: string;
  readonly message: string;
  /** Facts for programs, as in a problem document. */
  readonly details?: JsonObject;
}

/** The end of the process of an attempt, if it has ended. */
export interface JobExit {
  readonly code?: number;
  readonly signal?: string;
}

/**
 * One start of a job. `run` counts all starts: 1, 2, 3, ... `attempt` counts those that are charged
 * to {@link JobRow.maxAttempts}: a returned one is not, and its successor has the same `attempt`.
 * The start that goes on is not among the rows; it follows from the {@link JobRow}.
 *
 * - `lost`: its lease ended, or its holder did.
 * - `returned`: its holder gave it back, for example at a shutdown.
 */
export interface AttemptRow {
  readonly run: number;
  readonly attempt: number;
  readonly outcome: "completed" | "failed" | "cancelled" | "returned" | "lost";
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly holder: string;
  readonly worker?: string;
  readonly error?: JobError;
  readonly exit?: JobExit;
}

/**
 * A job, without its arguments, its result and its past attempts. All times are milliseconds since
 * 1970, by the clock of the store.
 *
 * - `seq` rises with each submission; lists are ordered by it, the last first.
 * - `pool` names the slots that it takes, such as those of a pool of workers.
 * - `options` belong to the one who runs it; a store only keeps them.
 * - `attempt` is 0 before the first start.
 * - `runAt` is the time from which it may start. It is the time of the submission if none was asked
 *   for, and that of the next attempt of a retryable job.
 * - `startedAt` is that of the last start; `holder`, `worker` and `leaseUntil` are there while it
 *   runs.
 * - `error` is that of the last attempt, also while the next one runs; a completed job has none.
 * - `result` is the length of the result of a completed job, in bytes.
 */
export interface JobRow {
  readonly seq: number;
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly queue: string;
  readonly pool: string;
  readonly state: JobState;
  readonly priority: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly run: number;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  readonly options: JsonObject;
  readonly createdAt: number;
  readonly runAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** The time at which it is discarded if it has not begun. */
  readonly startBy?: number;
  readonly holder?: string;
  readonly worker?: string;
  readonly leaseUntil?: number;
  /**
   * The reason of the cancellation that was asked for, while it runs; in the end, that of a
   * cancelled job. It is empty if none was given.
   */
  readonly cancelReason?: string;
  readonly progress?: unknown;
  readonly error?: JobError;
  readonly resultBytes?: number;
  readonly uniqueKey?: string;
  readonly concurrencyKey?: string;
  readonly rateKey?: string;
}

/** A job, with its past attempts, in the order of their starts. */
export interface JobRecord extends JobRow {
  readonly attempts: readonly AttemptRow[];
}
