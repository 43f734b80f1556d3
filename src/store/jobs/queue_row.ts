/** The limits of a queue, over all jobs in it. */
export interface QueueLimits {
  /** The most jobs that run at once; absent for no limit. */
  readonly concurrency?: number;
  /** The most jobs that start in a period, evenly, as for a `RateLimit` without a key. */
  readonly rate?: { readonly limit: number; readonly periodMs: number };
}

/** A queue to declare, with the limits of the configuration. */
export interface QueueToDeclare extends QueueLimits {
  readonly name: string;
}

/** A change of a queue; absent fields stay. */
export interface QueuePatch {
  /** True to hand out no job of the queue; those that run go on. */
  readonly paused?: boolean;
  /** Overrides the declared limit; null takes that back. */
  readonly concurrency?: number | null;
}

/** A queue, with the limits that hold. */
export interface QueueRow extends QueueLimits {
  readonly name: string;
  readonly paused: boolean;
  /** True if {@link QueueRow.concurrency} was set by a {@link QueuePatch}. */
  readonly isOverridden: boolean;
}
