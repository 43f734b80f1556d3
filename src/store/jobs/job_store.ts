import type { Page, PageAsk } from "../session_store.ts";
import type {
  Claim,
  ClaimAsk,
  End,
  EndAnswer,
  Ended,
  Hold,
  HoldAnswer,
  JobResult,
} from "./claim.ts";
import type { FileStore } from "./files/mod.ts";
import type { JobCount, JobEventOrReset, JobFilter, StoreWait } from "./job_filter.ts";
import type { JobLogs } from "./job_logs.ts";
import type { JobOutputs } from "./job_outputs.ts";
import type { JobRecord, JobRow } from "./job_row.ts";
import type { NewJob, SubmitAnswer } from "./new_job.ts";
import type { QueuePatch, QueueRow, QueueToDeclare } from "./queue_row.ts";

/** Jobs by their ids, in order, or all that match. */
export type JobChoice = { readonly ids: readonly string[] } | { readonly filter: JobFilter };

/**
 * The answer for one job of {@link JobStore.cancel}. `ended`: it had ended before; `cancelling`: it
 * runs, and its holder hears of it with its next {@link JobStore.extend}.
 */
export interface CancelAnswer {
  readonly id: string;
  readonly answer: "cancelled" | "cancelling" | "ended" | "unknown";
}

/**
 * The answer for one job of {@link JobStore.retry}. A `running` job is not retried, and neither is
 * one that has ended in a queue that is `draining`.
 */
export interface RetryAnswer {
  readonly id: string;
  readonly answer: "retried" | "running" | "draining" | "unknown";
}

/** The jobs that one call has changed, of those that a filter matches. */
export interface Changed<T> {
  readonly answers: readonly T[];
  /** The place at which the next call goes on; absent if all are done. */
  readonly next?: string;
}

/** The work of one {@link JobStore.sweep}. */
export interface Swept {
  /**
   * Jobs that have ended: lost with their last attempt or a cancellation, or expired, also those
   * that another operation has ended since the last sweep because they had expired.
   */
  readonly ended: readonly Ended[];
  /** The number of claims whose lease had ended. */
  readonly lost: number;
  /** The number of ended jobs that were removed. */
  readonly removed: number;
  /**
   * Blobs whose last name has gone since the last sweep. The caller removes them, unless they have
   * a name again. Those that no sweep reports, since the host has died, are found by a scan.
   */
  readonly unusedBlobs: readonly string[];
  /** True if there is more to do at once. */
  readonly hasMore: boolean;
}

/** A holder with jobs. */
export interface Holder {
  readonly holder: string;
  readonly jobs: number;
}

/** Limits of a store on what one job may keep. */
export interface JobStoreLimits {
  /** The most chunks that are kept of a job; the first ones go first. */
  readonly maxChunks: number;
  /** The most bytes of chunks that are kept of a job. */
  readonly maxChunkBytes: number;
  /** The most bytes of the log of a job; the first ones stay. See {@link JobLogs}. */
  readonly maxLogBytes: number;
}

/**
 * Jobs: what was submitted, who runs it, and how it ended. The rules of {@link Store} about
 * durability, concurrency, failures and closing apply here too.
 *
 * An operation resolves when it is durable, and operations of many callers may share a commit. Each
 * is atomic: all its items take effect or none, except where noted. Submissions take effect
 * in the order of the calls. No read of a list, an event or a count holds up a claim.
 *
 * **Time** is that of the store: it advances evenly even if the system clock is set, and
 * never falls below a time that it has stored. Only `runAt`, `startBy` and the retention follow a
 * clock that was set; leases never do.
 *
 * **Fencing.** {@link JobStore.extend} and {@link JobStore.finish} have an effect only while the
 * token is that of the last start of the job, it still runs, and its lease has not been given to
 * somebody else. So the end of a job is written once, by whoever held it then.
 *
 * **Claims.** A claim takes jobs of the pools that it names, never more than their slots: of each
 * pool, by priority (higher first), then by `seq`; within a queue that is shared by a key, by the
 * rank that {@link fairKey} describes. It passes over paused queues, and over jobs
 * whose queue or key has reached its limit; those do not delay others. It promotes jobs whose time
 * has come. A job that a limit holds back may start after a job of a lower priority with the same
 * key, if that one was let through first. A claim that waits is given jobs when some can be
 * claimed: at a submission, an end, a retry, a resumed queue, a due time. Beyond one machine, a
 * lost notification delays it until the store is asked again, at most a second later.
 *
 * **Limits** apply across all holders. They count running jobs; nothing of a holder that was lost
 * stays counted after {@link JobStore.sweep}.
 *
 * **Blobs.** The names of {@link Blobs} are rows here, and are counted in the commit that writes
 * what names them. The caller holds a blob from before that until the answer. A blob loses a name
 * when its job is removed or retried.
 *
 * **Size.** Nothing here depends on the number of jobs that wait or have ended: a claim, a
 * submission, a page of a list with a cursor, or the counts.
 */
export interface JobStore extends JobLogs, FileStore, JobOutputs {
  /**
   * Submits jobs, all or none. Answers each, in order.
   *
   * @throws {InvalidInputError} Naming each item that is not allowed, as `jobs[3].tags`.
   * @throws {SnakedenError} `queue_draining`, as {@link QueuePatch} says.
   * @throws {SnakedenError} `unknown_file` for a file that does not exist; its `details` have the
   * `path`, as `jobs[3].files[0]`, and the `fileId`.
   */
  submit(jobs: readonly NewJob[]): Promise<readonly SubmitAnswer[]>;
  /** Takes jobs to run; none if there was none in time. The start is the time of the claim. */
  claim(ask: ClaimAsk): Promise<readonly Claim[]>;
  /** Extends claims, each by itself. Answers each, in order. */
  extend(holds: readonly Hold[]): Promise<readonly HoldAnswer[]>;
  /** Ends claims, each by itself. Answers each, in order. */
  finish(ends: readonly End[]): Promise<readonly EndAnswer[]>;
  /**
   * Cancels jobs, each by itself: a waiting one ends at once, a running one when its holder has
   * stopped it, or is lost. With a filter, one call changes a part of them, and `after` goes on;
   * jobs that are submitted meanwhile may be missed. Ended jobs do not match then. A part may be
   * empty while there is a next one.
   */
  cancel(
    of: JobChoice,
    options?: { readonly reason?: string | undefined; readonly after?: string | undefined },
  ): Promise<Changed<CancelAnswer>>;
  /**
   * Makes jobs available at once: ended ones, and those that wait for their time. A job that has
   * used up its attempts gets one more. An ended job loses its result, its error, and the time by
   * which it should have begun; a completed one also its outputs and its checkpoint. A filter works
   * as for {@link JobStore.cancel}; running and available jobs do not match it, nor do those that
   * have ended in a queue that drains.
   */
  retry(
    of: JobChoice,
    options?: { readonly after?: string | undefined },
  ): Promise<Changed<RetryAnswer>>;

  /** Returns a job, with its attempts; undefined if there is none. */
  get(id: string): Promise<JobRecord | undefined>;
  /** Returns the arguments of a job; undefined if there is none. */
  args(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Returns the result of a completed job; undefined if there is none. */
  result(id: string): Promise<JobResult | undefined>;
  /**
   * Returns true for each of these blobs that has a name: it is the result of a job, or another row
   * of this store names it.
   */
  areNamed(sha256s: readonly string[]): Promise<readonly boolean[]>;
  /**
   * Lists jobs, the last submitted first. With {@link JobFilter.text}, a page may have fewer jobs
   * than it could, even none, while it has a cursor to go on: one call looks at a bounded number.
   *
   * @throws {InvalidInputError} For a cursor of another filter, or one that is none.
   */
  list(filter: JobFilter, page: PageAsk): Promise<Page<JobRow>>;
  /** Counts the jobs by queue and state. */
  counts(): Promise<readonly JobCount[]>;
  /** Returns the reason why a waiting job does not run; undefined if it does not wait. */
  waitOf(id: string): Promise<StoreWait | undefined>;
  /**
   * Yields the events of a job behind `after` (0 for all), then each further one, until the job has
   * ended and its `end` was yielded, or `signal` aborts; then it throws the reason. Also ends if
   * the job does not exist, or is removed.
   */
  events(
    id: string,
    after: number,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<JobEventOrReset>;

  /**
   * Makes these queues known, with their limits; earlier ones that are not among them stay while
   * they have jobs. What a {@link QueuePatch} has set stays.
   */
  declareQueues(queues: readonly QueueToDeclare[]): Promise<void>;
  /** Changes a queue; returns it as it is then, or undefined if there is none. */
  patchQueue(name: string, patch: QueuePatch): Promise<QueueRow | undefined>;
  /** Lists the queues, by name. */
  queues(): Promise<readonly QueueRow[]>;

  /**
   * Does the work that is due: makes due jobs available, ends those that have expired, takes jobs
   * from holders whose lease has ended (`available` again, or `discarded` after the last attempt,
   * or `cancelled` if that was asked for), and removes ended ones after their retention and files
   * after their time. Does a bounded part in one call. Every host may call it.
   */
  sweep(): Promise<Swept>;
  /** Lists the holders of running jobs. */
  holders(): Promise<readonly Holder[]>;
  /**
   * Ends all claims of a holder at once, as a sweep would after their leases. Only for one that is
   * proved dead.
   */
  abandon(holder: string): Promise<Swept>;
}
