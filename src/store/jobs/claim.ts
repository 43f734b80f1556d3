import type { RunLines } from "./job_logs.ts";
import type { BlobRef } from "../blobs/mod.ts";
import type { JsonObject } from "../session_row.ts";
import type { OutputPart, OutputsAsResult } from "./job_outputs.ts";
import type { JobError, JobExit, JobRow, JobState } from "./job_row.ts";

/** A request for jobs to run. */
export interface ClaimAsk {
  /** The free slots of each pool. A pool without slots is left out. */
  readonly pools: readonly { readonly pool: string; readonly slots: number }[];
  /** The identity of the one who will run them, such as the run of a host. */
  readonly holder: string;
  readonly leaseMs: number;
  /** The longest time to wait for a first job; 0 returns at once. */
  readonly waitMs: number;
  /**
   * Ends the wait: the claim then throws the reason and holds nothing, unless it has jobs already,
   * which it returns.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A job that was claimed. `token` proves the claim; it is opaque, means the same to every store of
 * the place, and is good until the job is taken from its holder, which happens after the lease.
 */
export interface Claim {
  readonly token: string;
  readonly job: JobRow;
  readonly args: Uint8Array<ArrayBuffer>;
  /** The last checkpoint of an earlier start. */
  readonly checkpoint?: JsonObject;
}

/** A claim to extend, with the news about the run. */
export interface Hold {
  readonly token: string;
  /** The time from now to the end of the lease. */
  readonly leaseMs: number;
  /** The worker that runs it. */
  readonly worker?: string;
  /** The last report of progress; JSON. */
  readonly progress?: unknown;
  /** Chunks of the run, in order; each is kept as a `chunk` event. */
  readonly chunks?: readonly Uint8Array<ArrayBuffer>[];
  /** Lines of the run, in order, for the log of the job. */
  readonly logs?: readonly RunLines[];
  /** Parts of the output, behind those that are stored. */
  readonly outputs?: readonly OutputPart[];
  /** The place up to which the outputs reach; it replaces the one before. */
  readonly checkpoint?: JsonObject;
}

/**
 * The answer for one {@link Hold}. `cancelling`: it was extended, and somebody has asked for its
 * cancellation. `lost`: the claim has ended; nothing was written, and the run must stop.
 */
export type HoldAnswer = "held" | "cancelling" | "lost";

/**
 * The end of a claim.
 *
 * - `completed`: with a result, which may be a blob, or with the outputs as the result. The end
 *   names the blob.
 * - `failed`: with `retryInMs`, it is `retryable` until then; with null it is `discarded`. If its
 *   cancellation was asked for, it is `cancelled` either way.
 * - `returned`: it is `available` again, in its old place, and no attempt is charged. If the work
 *   had not begun, no {@link AttemptRow} is left either. If its cancellation was asked for, it is
 *   `cancelled`. With `inMs` it is `retryable` until then, with the error that says why.
 */
export type Outcome =
  | { readonly type: "completed"; readonly result: JobResult }
  | { readonly type: "failed"; readonly error: JobError; readonly retryInMs: number | null }
  | { readonly type: "cancelled"; readonly error?: JobError }
  | { readonly type: "returned"; readonly hasBegun: boolean }
  | {
    readonly type: "returned";
    readonly hasBegun: false;
    readonly error: JobError;
    readonly inMs: number;
  };

/** The result of a completed job. */
export type JobResult = Uint8Array<ArrayBuffer> | BlobRef | OutputsAsResult;

/** A claim to end. */
export interface End extends Omit<Hold, "leaseMs"> {
  readonly outcome: Outcome;
  readonly exit?: JobExit;
}

/**
 * The answer for one {@link End}, with the state that the job has now. The same end given twice is
 * answered `done` twice, and has an effect once. `lost`: the claim had ended in another way;
 * nothing was written.
 */
export type EndAnswer =
  | { readonly answer: "done"; readonly state: JobState }
  | { readonly answer: "lost" };

/** The end of a job that nobody has claimed any more: by a cancellation or a sweep. */
export interface Ended {
  readonly id: string;
  readonly state: JobState;
}
