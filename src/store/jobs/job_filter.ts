import type { JobState } from "./job_row.ts";

/** A choice of jobs: those that match every field that is there. An empty list matches none. */
export interface JobFilter {
  readonly states?: readonly JobState[] | undefined;
  readonly queues?: readonly string[] | undefined;
  readonly kinds?: readonly string[] | undefined;
  readonly names?: readonly string[] | undefined;
  /** The job has all of these tags. */
  readonly tags?: readonly string[] | undefined;
  /** Words that the job matches, as {@link searchWords} says. */
  readonly text?: string | undefined;
  /** Submitted at this time or later. */
  readonly createdFrom?: number | undefined;
  /** Submitted before this time. */
  readonly createdBefore?: number | undefined;
}

/** The number of jobs of a queue in a state. States without jobs are left out. */
export interface JobCount {
  readonly queue: string;
  readonly state: JobState;
  readonly count: number;
}

/**
 * The reason why a waiting job does not run, of those that a store knows; the first that holds:
 *
 * - `time`: its time has not come.
 * - `paused`: its queue is paused.
 * - `limit`: a limit of its queue or of one of its keys is reached. `until` is the time at which a
 *   rate allows the next start.
 * - `position`: a claim may take it; `ahead` jobs of its queue and pool go before it, counted up to
 *   {@link MAX_AHEAD}.
 */
export type StoreWait =
  | { readonly reason: "time"; readonly until: number }
  | { readonly reason: "paused" }
  | {
    readonly reason: "limit";
    readonly limit: "queue concurrency" | "queue rate" | "concurrency key" | "rate key";
    readonly key?: string;
    readonly until?: number;
  }
  | { readonly reason: "position"; readonly ahead: number };

/** The most jobs that are counted for {@link StoreWait}. */
export const MAX_AHEAD = 1_000;

/**
 * An event of a job that a store keeps. `seq` rises from event to event of a job; a reader that
 * gives it to {@link JobStore.events} goes on behind it. A requested retry starts new
 * attempts; the events before it stay.
 *
 * - `chunk`: a chunk of a run.
 * - `end`: the job has ended. Exactly one for each end; {@link JobStore.get} has the rest.
 */
export type JobEvent =
  | {
    readonly kind: "chunk";
    readonly seq: number;
    readonly at: number;
    readonly run: number;
    readonly body: Uint8Array<ArrayBuffer>;
  }
  | { readonly kind: "end"; readonly seq: number; readonly at: number; readonly state: JobState };

/**
 * An item of {@link JobStore.events}: an event, or `reset` if events after the given position are
 * gone, with the position behind which the events go on.
 */
export type JobEventOrReset = JobEvent | { readonly kind: "reset"; readonly seq: number };
