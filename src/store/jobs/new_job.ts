import type { JsonObject } from "../session_row.ts";
import type { JobState } from "./job_row.ts";

/**
 * The way in which jobs with the same key give way to each other:
 *
 * - `drop`: the new job is dropped while the other one has not ended.
 * - `replace`: a waiting job takes the kind, name, pool, arguments, options, tags, metadata,
 *   attempts and retention of the new one. It keeps its id, queue, priority, place, time and the
 *   keys of its limits.
 * - `debounce`: the same, and it takes the time of the new one too.
 *
 * A job of mode `replace` or `debounce` gives its key up when it starts, so that a change that
 * comes while it runs is not lost: it makes a job that runs afterwards. While a running
 * job of mode `drop` has the key, every new job is dropped.
 */
export type UniqueMode = "drop" | "replace" | "debounce";

/**
 * At most `limit` jobs with the same key run at once in a queue. If jobs of one key name different
 * limits, that of the last submission holds while a job of the key has not ended. After that, the
 * next job of the key brings its own limit, whether it is submitted or retried. Of jobs that are
 * retried together, that is the first one: a retry by a filter begins with the last submitted job.
 */
export interface ConcurrencyLimit {
  readonly key: string;
  readonly limit: number;
}

/**
 * At most `limit` jobs with the same key start in `periodMs`, evenly: by the generic cell rate
 * algorithm (GCRA), with a burst of `limit`. The limit that holds is found as for
 * {@link ConcurrencyLimit}. Past starts count until their time is over, also if all jobs of the key
 * have ended.
 */
export interface RateLimit {
  readonly key: string;
  readonly limit: number;
  readonly periodMs: number;
}

/** The times after its end for which a job is kept, by its last state, in milliseconds. */
export interface Retention {
  readonly completedMs: number;
  readonly cancelledMs: number;
  readonly discardedMs: number;
}

/** A job to submit. {@link checkNewJob} states what is allowed; {@link JobRow} describes fields. */
export interface NewJob {
  /**
   * Chosen by the submitter; new, unless there is an `idHash`. Ids that sort by the time of
   * submission are the fastest.
   */
  readonly id: string;
  /**
   * The hash of a submission whose caller has chosen the id; not beside `idempotency`. While a job
   * with the id is kept, the submission makes no job: it is answered with `existing` if that job
   * has the same hash, else with `conflict`.
   */
  readonly idHash?: string;
  readonly kind: string;
  readonly name: string;
  readonly queue: string;
  readonly pool: string;
  readonly priority: number;
  readonly maxAttempts: number;
  /** The time of the first start, or the time to wait for it; at once if omitted. */
  readonly start?: { readonly at: number } | { readonly inMs: number };
  /** The time within which it must begin, or it is discarded with `job_expired`. */
  readonly ttlMs?: number;
  /**
   * A submission with the key of an earlier one makes no job: it is answered with the earlier one
   * if the hashes are equal, else with `conflict`. The key is free again after `ttlMs`, and no
   * sooner, also if the job has ended.
   */
  readonly idempotency?: { readonly key: string; readonly hash: string; readonly ttlMs: number };
  readonly unique?: { readonly key: string; readonly mode: UniqueMode };
  readonly concurrency?: ConcurrencyLimit;
  readonly rate?: RateLimit;
  readonly tags: readonly string[];
  readonly metadata: JsonObject;
  readonly options: JsonObject;
  readonly retention: Retention;
  /** The store keeps the bytes as they are. The caller must not change the buffer. */
  readonly args: Uint8Array<ArrayBuffer>;
  /**
   * The ids of the files that it names, which are kept while it is. A submission that names one
   * that does not exist is refused, unless its idempotency key answers it.
   */
  readonly files?: readonly string[];
}

/**
 * The answer for one submitted job. `id` is that of the job that stands in the store now: the new
 * one if it was `created`, else the earlier one.
 *
 * - `existing`: the idempotency key, or the id, is that of the same submission.
 * - `conflict`: it is that of another submission; there is no job for this one.
 * - `dropped`, `replaced`: as {@link UniqueMode} says.
 */
export interface SubmitAnswer {
  readonly answer: "created" | "existing" | "conflict" | "dropped" | "replaced";
  readonly id: string;
  readonly state: JobState;
  readonly createdAt: number;
  readonly runAt: number;
}
