import type { JobState } from "./job.ts";

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

/** A change of a queue; what is omitted stays. */
export interface QueueUpdate {
  /** True to start none of its jobs; those that run go on. */
  readonly paused?: boolean;
  /** True to take no further job, and to run those that it has. */
  readonly draining?: boolean;
  /** The most jobs that run at once; null for what the configuration says. */
  readonly concurrency?: number | null;
}
