import type { JsonObject } from "./session.ts";

/**
 * The state of a job. It waits as `available`, as `scheduled` for its time, or as `retryable` for
 * its next attempt. It has ended as `completed`, as `cancelled`, or as `discarded`: it has used up
 * its attempts, or did not begin in time.
 */
export type JobState =
  | "available"
  | "scheduled"
  | "running"
  | "retryable"
  | "completed"
  | "cancelled"
  | "discarded";

/** The error of an attempt. */
export interface JobError {
  /** An {@link ErrorCode}. */
  readonly code: string;
  readonly message: string;
  /** Facts for programs. */
  readonly details?: JsonObject;
}

/** The end of the process of an attempt, if it has ended. */
export interface JobExit {
  readonly code?: number;
  readonly signal?: string;
}

/** A past run of a job: one start, and how it ended. */
export interface JobAttempt {
  /** 1, 2, 3, ... A run that was returned is not counted: the next one has the same number. */
  readonly attempt: number;
  /**
   * `lost`: its host died, or could not extend the lease. `returned`: its host gave it back when it
   * stopped; that costs no attempt.
   */
  readonly outcome: "completed" | "failed" | "cancelled" | "returned" | "lost";
  /** In ISO 8601, as all times here. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly durationMs: number;
  /** The id of the worker. */
  readonly worker?: string;
  readonly error?: JobError;
  /** The end of the worker's process, if the attempt ended with it. */
  readonly exit?: JobExit;
}

/** The reason why a job does not run yet. `detail` is the reason in words. */
export type WaitingFor =
  & { readonly detail: string }
  & (
    | { readonly reason: "time"; readonly until: string }
    | { readonly reason: "paused"; readonly queue: string }
    | {
      readonly reason: "limit";
      readonly limit: "queue concurrency" | "queue rate" | "concurrency key" | "rate key";
      readonly key?: string;
      readonly until?: string;
    }
    | { readonly reason: "pool"; readonly pool: string; readonly state?: string }
    | { readonly reason: "position"; readonly ahead: number }
  );

/** The numbers of the items of a batch. */
export interface JobItems {
  /** Those that have ended, the failed ones included. */
  readonly done: number;
  /** Those that have failed for good. */
  readonly failed: number;
  /** All of them; absent while it is not known. */
  readonly total?: number;
}

/** A job. */
export interface Job {
  readonly id: string;
  /** The kind of work, such as `call`. */
  readonly kind: string;
  readonly queue: string;
  readonly state: JobState;
  /** True if the job has ended: it is completed, cancelled or discarded. */
  readonly done: boolean;
  readonly priority: number;
  /** The tool, of a job of kind `call`. */
  readonly tool?: string;
  /** The path of the script, of a job of kind `script`; absent of an inline one. */
  readonly script?: string;
  /** The name of the command, of a job of kind `command`. */
  readonly command?: string;
  /** The session of the call, of a job of kind `call`. */
  readonly sessionId?: string;
  /** The id of the job that has submitted it with its token. */
  readonly parentId?: string;
  /** The pool whose workers run it; absent of a script and a command. */
  readonly pool?: string;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  /** The attempts so far; 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly createdAt: string;
  /** The time of the next start, of a scheduled or retryable job. */
  readonly runAt?: string;
  /** The last start. */
  readonly startedAt?: string;
  readonly finishedAt?: string;
  /** The time by which it must have begun. */
  readonly startBy?: string;
  /** The worker that runs it. */
  readonly worker?: string;
  /** The last report of progress. */
  readonly progress?: unknown;
  /** Absent in lists, and if the job does not wait. */
  readonly waitingFor?: WaitingFor;
  /** True if its cancellation was requested, and it still runs. */
  readonly cancelling?: boolean;
  readonly cancelReason?: string;
  /** The numbers of the items of a job of kind `batch`, once it has begun. */
  readonly items?: JobItems;
  /** The id of the file with the result of a batch, if that was asked for and it has ended. */
  readonly resultFile?: string;
  /** The result of a completed job, decoded; absent in lists, and if it is long. */
  readonly result?: unknown;
  /** The path of the result, if it is too long for {@link Job.result}. */
  readonly resultUrl?: string;
  /** The length of the result, in bytes. */
  readonly resultBytes?: number;
  /** The error of the last attempt that failed; absent of a completed job. */
  readonly error?: JobError;
  /** The past attempts, in order; absent in lists. */
  readonly attempts?: readonly JobAttempt[];
}

/** The end of one item of a batch: what the tool returned, or the error of the last attempt. */
export type BatchResult<T = unknown> =
  | { readonly index: number; readonly result: T }
  | { readonly index: number; readonly error: JobError };

/** Options of the results of a batch. */
export interface BatchResultsOptions {
  /** False to end with the results so far. Default true: wait for those to come. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** Options of `submit()`. */
export interface SubmitJobOptions {
  /** Ends the submission while the items of a batch are taken. There is no job then. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The answer to a submission: the job was `created`; or it is that of an earlier submission, by the
 * idempotency key (`existing`) or by `unique` (`dropped`, `replaced`).
 */
export type SubmitAnswer = "created" | "existing" | "dropped" | "replaced";

/**
 * The answer for one submission of several. `conflict`: its idempotency key is that of another
 * submission, which made the job `id`; there is no job for this one.
 */
export interface SubmittedJob {
  /** The id of the job. */
  readonly id: string;
  readonly answer: SubmitAnswer | "conflict";
}

/** A choice of jobs. Of several values of a field, a job has one; of several tags, all. */
export interface JobChoice {
  readonly state?: JobState | readonly JobState[];
  readonly queue?: string | readonly string[];
  readonly kind?: string | readonly string[];
  readonly tool?: string | readonly string[];
  readonly tag?: string | readonly string[];
  /**
   * Words that a job matches, all of them: the beginning of its id or of a tag, a part of the name
   * of its tool, or the beginning of a word of its error. At most 200 characters.
   */
  readonly q?: string;
  readonly createdFrom?: string | Date;
  readonly createdBefore?: string | Date;
}

/**
 * A page of a list of jobs. With {@link JobChoice.q}, it may have fewer jobs than its limit while a
 * cursor is there: one request looks at a bounded number of jobs.
 */
export interface JobPage {
  readonly items: readonly Job[];
  /** Asks for the next page; absent on the last one. */
  readonly cursor?: string;
}

/**
 * An event of a job. `id` is a position: passed as `after`, it makes a reader go on behind this
 * event. `state` and `progress` describe the present; they are not stored, and have no id.
 */
export type JobEvent =
  | { readonly type: "state"; readonly job: Job }
  | { readonly type: "progress"; readonly progress: unknown }
  | {
    readonly type: "chunk";
    readonly id: number;
    /** Counts the starts of the job: chunks of another run do not continue these. */
    readonly run: number;
    readonly value: unknown;
  }
  | { readonly type: "reset"; readonly id: number }
  | { readonly type: "end"; readonly id: number; readonly job: Job };

/** A queue. */
export interface Queue {
  readonly name: string;
  readonly paused: boolean;
  /** True if it takes no further job. */
  readonly draining: boolean;
  /** The most jobs that run at once; absent for no limit. */
  readonly concurrency?: number;
  readonly rateLimit?: { readonly limit: number; readonly periodMs: number };
  /** The path of the metadata by whose value jobs share its slots. */
  readonly fairBy?: string;
  /** The number of its jobs that have not ended. */
  readonly left: number;
  /** The number of its jobs in each state. */
  readonly counts: Readonly<Record<JobState, number>>;
}

/** The answer of a cancellation or a retry by a choice. */
export interface ManyOutcome {
  /** The number of jobs that were changed. */
  readonly count: number;
}

/** Options of the events of a job. */
export interface JobEventsOptions {
  /** The `id` of the last event that was seen; default 0, for all events. */
  readonly after?: number;
  readonly signal?: AbortSignal;
}

/** A line in the log of a job. */
export interface LogLine {
  /** Its number in the log, from 1. */
  readonly n: number;
  /** The run that has written it: 1 for the first start of the job. */
  readonly run: number;
  /** The time, as an ISO text. */
  readonly at: string;
  /**
   * - `stdout`, `stderr`: printed by the tool, its native code or its child processes.
   * - `log`: an entry of Python's logging.
   * - `host`: said by Snakeden about the job.
   */
  readonly source: "stdout" | "stderr" | "log" | "host";
  /** `debug`, `info`, `warning`, `error` or `critical`; of `log` and `host`. */
  readonly level?: string;
  /** The name of the logger; of `log`. */
  readonly logger?: string;
  readonly text: string;
}

/** Options of the log of a job. */
export interface JobLogsOptions {
  /** The number of the last line that was seen; default 0, for all lines. */
  readonly after?: number;
  /** The number of last lines to begin with, instead of `after`. */
  readonly tail?: number;
  /** False for the lines that are there; by default, it waits for more until the job has ended. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** Options of the list of jobs. */
export interface JobListOptions {
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string;
  /** The most jobs of the page, from 1 to 1000. Default: 100. */
  readonly limit?: number;
}

/** Options of a cancellation. */
export interface CancelJobOptions {
  /** The reason, for people: at most 1,000 characters. */
  readonly reason?: string;
}

/** Options of a retry by a choice. */
export interface RetryManyOptions {
  /** Stops it before the next part of the jobs. Those that were changed stay so. */
  readonly signal?: AbortSignal;
}

/** Options of a cancellation by a choice. */
export interface CancelManyOptions extends CancelJobOptions, RetryManyOptions {}

/** A change of a queue; what is omitted stays. */
export interface QueueUpdate {
  /** True to start none of its jobs; those that run go on. */
  readonly paused?: boolean;
  /** True to take no further job, and to run those that it has. */
  readonly draining?: boolean;
  /** The most jobs that run at once; null for what the configuration says. */
  readonly concurrency?: number | null;
}
