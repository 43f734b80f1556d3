import type { JobError, JobExit, JobState, JsonObject } from "../store/mod.ts";

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
  /** The tool. */
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

/** The pauses between the attempts of a job. */
export interface JobRetry {
  /** The pause after the first attempt, in milliseconds. */
  readonly minMs?: number;
  /** The longest pause, in milliseconds. */
  readonly maxMs?: number;
  /** The factor by which each pause is longer than the one before it. */
  readonly factor?: number;
  /** The part of a pause that is random, from 0 to 1. */
  readonly jitter?: number;
  /** Error codes and Python exception classes after which no attempt follows. */
  readonly never?: readonly string[];
}

/** Options of every kind of job. */
export interface JobOptions {
  /**
   * The id of the job: 1 to 128 letters, digits or `. _ : -`. The same submission makes one job
   * while that is kept; another one with the same id is refused. Default: a new id.
   */
  readonly id?: string;
  /** Default: `default`. */
  readonly queue?: string;
  /** A whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /** The time to wait before the first start, in milliseconds. */
  readonly delayMs?: number;
  /** The time of the first start, instead of `delayMs`: a `Date`, or ISO 8601. */
  readonly runAt?: string | Date;
  readonly maxAttempts?: number;
  readonly retry?: JobRetry;
  /** The longest time of an attempt, in milliseconds. */
  readonly timeoutMs?: number;
  /** The longest silence of an attempt, in milliseconds, as for a call. */
  readonly stallTimeoutMs?: number;
  /** The time within which it must begin, or it is discarded, in milliseconds. */
  readonly ttlMs?: number;
  /** The same key and body make one job; over HTTP also the header `Idempotency-Key`. */
  readonly idempotencyKey?: string;
  readonly unique?: { readonly key: string; readonly mode?: "drop" | "replace" | "debounce" };
  readonly concurrency?: { readonly key: string; readonly limit?: number };
  readonly rateLimit?: {
    readonly key: string;
    readonly limit: number;
    readonly periodMs: number;
  };
  readonly tags?: readonly string[];
  readonly metadata?: JsonObject;
  /** The time for which the job is kept after its end, by its last state. */
  readonly retention?: {
    readonly completedMs?: number;
    readonly cancelledMs?: number;
    readonly discardedMs?: number;
  };
}

/** A call of a tool to submit as a job. */
export interface CallJob extends JobOptions {
  readonly kind?: "call";
  readonly tool: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly pool?: string;
  readonly sessionId?: string;
  readonly affinity?: "hint" | "strict_queue" | "strict_fail_fast";
}

/** A tool to run for many items, to submit as a job. Its `timeoutMs` is that of each item. */
export interface BatchJob extends JobOptions {
  readonly kind: "batch";
  readonly tool: string;
  /**
   * The items: objects of arguments, or any values with `input`. Instead of it, `inputsFile`. Those
   * of an array are kept with the job. Those of any other iterable are taken one after the other,
   * as fast as they are written to a file, which is kept with the job; {@link Jobs.submit} takes
   * them.
   */
  readonly inputs?: readonly unknown[] | Iterable<unknown> | AsyncIterable<unknown>;
  /** The id of a file with the items. */
  readonly inputsFile?: string;
  /**
   * The form of the file: a line of JSON an item (`ndjson`, the default), a line of text (`lines`),
   * or a row of a table with a header (`csv`), which is an object of texts.
   */
  readonly format?: "ndjson" | "lines" | "csv";
  /** The parameter that gets the item; without it, an item is an object of arguments. */
  readonly input?: string;
  /** Arguments of every item. Those of the item itself go first. */
  readonly args?: Readonly<Record<string, unknown>>;
  readonly pool?: string;
  /** The attempts of an item; default 1. */
  readonly items?: { readonly maxAttempts?: number; readonly retry?: JobRetry };
  /** The most parts of the batch that are with workers at once; default the size of the pool. */
  readonly window?: number;
  /** True to keep the result as a file too, `result.ndjson`, for the arguments of other jobs. */
  readonly resultFile?: boolean;
}

/** Permissions of a script, of those that its folder allows: all of a kind, or a list. */
export interface ScriptPermissions {
  /** Files and folders; a relative path is relative to the folder of the script. */
  readonly read?: true | readonly string[];
  readonly write?: true | readonly string[];
  /** Hosts, such as `api.example.com` or `api.example.com:443`. */
  readonly net?: true | readonly string[];
  /** Variables of the host, which the script gets. */
  readonly env?: true | readonly string[];
  /** Programs. A script that may start one can do everything that the program can. */
  readonly run?: true | readonly string[];
}

/** Options of jobs that run programs. */
export interface ProgramOptions extends JobOptions {
  /** Variables of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The text that the program reads from standard input. */
  readonly stdin?: string;
  /** Limits that are lower than those of the configuration. */
  readonly limits?: {
    readonly memoryBytes?: number;
    readonly cpuMs?: number;
    readonly openFiles?: number;
  };
}

/** A script to run as a job: a file of `jobs.scriptFolders`, or its source. */
export interface ScriptJob extends ProgramOptions {
  readonly kind: "script";
  /** The path of a TypeScript or Python file in one of the folders. Instead of it, `source`. */
  readonly script?: string;
  /** The source of the script, with its `language`; only with `jobs.allowInline`. */
  readonly source?: string;
  readonly language?: "typescript" | "python";
  readonly args?: readonly string[];
  /** Default: none. */
  readonly permissions?: ScriptPermissions;
}

/** A command of `jobs.commands` to run as a job. */
export interface CommandJob extends ProgramOptions {
  readonly kind: "command";
  readonly command: string;
  /** The values for the `{name}` of the command. */
  readonly args?: Readonly<Record<string, string | number | boolean>>;
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

/** Options of {@link Jobs.submit}. */
export interface SubmitJobOptions {
  /** Ends the submission while the items of a batch are taken. There is no job then. */
  readonly signal?: AbortSignal | undefined;
}

/** A job to submit. */
export type JobInput = CallJob | BatchJob | ScriptJob | CommandJob;

/** The answer to one submission, with the job as it is at that time. */
export interface SubmitOutcome {
  /** The id of the job. */
  readonly id: string;
  readonly answer: "created" | "existing" | "dropped" | "replaced";
  readonly job: Job;
}

/**
 * The answer to one submission of several. `conflict`: its idempotency key is that of another
 * submission, which made the job `id`; there is no job for this one. `job` is that of the other
 * one, unless it was removed.
 */
export type ManySubmitOutcome =
  | SubmitOutcome
  | { readonly id: string; readonly answer: "conflict"; readonly job?: Job };

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

/** Options of a wait for the end of a job. */
export interface WaitOptions {
  /** The longest time to wait. Default: no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Options of the events of a job. */
export interface JobEventsOptions {
  /** The `id` of the last event that was seen; default 0, for all events. */
  readonly after?: number;
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
