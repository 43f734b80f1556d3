import type { AffinityMode } from "./call.ts";
import type { JsonObject } from "./session.ts";

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
  readonly affinity?: AffinityMode;
}

/** A tool to run for many items, to submit as a job. Its `timeoutMs` is that of each item. */
export interface BatchJob extends JobOptions {
  readonly kind: "batch";
  readonly tool: string;
  /**
   * The items: objects of arguments, or any values with `input`. Instead of it, `inputsFile`.
   * `submit()` writes those of an iterable that is no array to a file, as fast as they come.
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

/** A job to submit. */
export type JobInput = CallJob | BatchJob | ScriptJob | CommandJob;
