import { SnakedenError } from "../../errors.ts";

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
  /**
   * The path by whose value jobs share the slots of the queue, as {@link fairKey} says; none if
   * absent. Jobs that wait already when it is set keep their order, and go first. If it is taken
   * away, those with a rank share the slots with later ones, as one key, until they have ended.
   */
  readonly fairBy?: string;
}

/** A change of a queue; absent fields stay. */
export interface QueuePatch {
  /** True to hand out no job of the queue; those that run go on. */
  readonly paused?: boolean;
  /**
   * True to take no further job: a submission that would make or change one is refused with
   * `queue_draining`, and so is the retry of an ended job. The queue runs what it has.
   */
  readonly draining?: boolean;
  /** Overrides the declared limit; null takes that back. */
  readonly concurrency?: number | null;
}

/** A queue, with the limits that hold. */
export interface QueueRow extends QueueLimits {
  readonly name: string;
  readonly paused: boolean;
  readonly draining: boolean;
  readonly fairBy?: string;
  /** True if {@link QueueRow.concurrency} was set by a {@link QueuePatch}. */
  readonly isOverridden: boolean;
}

/** The error for a submission or a retry that a queue refuses because it drains. */
export function queueDraining(name: string): SnakedenError {
  return new SnakedenError(
    "queue_draining",
    `The queue ${JSON.stringify(name)} is draining: it runs the jobs that it has, and takes no ` +
      "others",
    { retryable: true, details: { queue: name } },
  );
}
