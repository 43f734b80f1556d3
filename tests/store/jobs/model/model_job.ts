import type { JobRow, NewJob } from "../../../../src/store/mod.ts";

/** An idempotency key of the model. */
export interface ModelKey {
  readonly hash: string;
  readonly id: string;
  readonly freeAt: number;
}

/** A queue of the model. */
export interface ModelQueue {
  paused: boolean;
  draining?: boolean;
  concurrency: number | undefined;
  /** True if the tenants share it. */
  isFair?: boolean;
}

/** An event of the model. */
export interface ModelEvent {
  readonly kind: "chunk" | "end";
  readonly body?: readonly number[];
  readonly state?: string;
}

type Fields = { -readonly [K in keyof Required<JobRow>]: JobRow[K] };

/** A job of the model. The message of an error is not predicted. */
export interface ModelJob extends Omit<Fields, "error"> {
  given: Pick<NewJob, "retention" | "args" | "concurrency" | "rate" | "idHash"> & {
    readonly unique?: NewJob["unique"] | undefined;
  };
  error: { readonly code: string } | undefined;
  /** The unique key that no other job may have. */
  held: string | undefined;
  /** The hash of its result, if that is a blob. */
  blob: string | undefined;
  /** The turn of its key in a queue that is shared; 0 in others. */
  rank: number;
  token: string;
  lastEnd: string;
  /** As `RUN/ATTEMPT OUTCOME`. */
  readonly attempts: string[];
  events: ModelEvent[];
}

/** Returns a job as its submission makes it. */
export function modelJob(given: NewJob, seq: number, now: number): ModelJob {
  const { start } = given;
  const runAt = start === undefined ? now : "at" in start ? start.at : now + start.inMs;
  return {
    seq,
    id: given.id,
    kind: given.kind,
    name: given.name,
    queue: given.queue,
    pool: given.pool,
    state: runAt > now ? "scheduled" : "available",
    priority: given.priority,
    attempt: 0,
    maxAttempts: given.maxAttempts,
    run: 0,
    tags: given.tags,
    metadata: given.metadata,
    options: given.options,
    createdAt: now,
    runAt,
    startedAt: undefined,
    finishedAt: undefined,
    startBy: given.ttlMs === undefined ? undefined : now + given.ttlMs,
    holder: undefined,
    worker: undefined,
    leaseUntil: undefined,
    cancelReason: undefined,
    progress: undefined,
    error: undefined,
    resultBytes: undefined,
    uniqueKey: given.unique?.key,
    concurrencyKey: given.concurrency?.key,
    rateKey: given.rate?.key,
    given,
    held: given.unique?.key,
    blob: undefined,
    rank: 0,
    token: "",
    lastEnd: "",
    attempts: [],
    events: [],
  };
}

/** Returns true if a job has ended. */
export function isEnded({ state }: Pick<ModelJob, "state">): boolean {
  return state === "completed" || state === "cancelled" || state === "discarded";
}

/** Returns the time for which an ended job is kept. */
export function retentionOf({ state, given: { retention } }: ModelJob): number {
  if (state === "completed") return retention.completedMs;
  return state === "cancelled" ? retention.cancelledMs : retention.discardedMs;
}
