import type { JobResult, Outcome } from "../claim.ts";
import type { JobEvent } from "../job_filter.ts";
import type { LogEnd, LogPart } from "../job_logs.ts";
import {
  type AttemptRow,
  isFinal,
  type JobError,
  type JobExit,
  type JobRecord,
  type JobRow,
  type JobState,
} from "../job_row.ts";
import { firstStart } from "../job_transition.ts";
import type { ConcurrencyLimit, NewJob, RateLimit, Retention, UniqueMode } from "../new_job.ts";
import type { KeptOutputs } from "./kept_outputs.ts";
import type { KeyGroup, KeyLane } from "./key_group.ts";

/** The fields of a {@link JobRow}, each present, and open to changes. */
type Fields = { -readonly [K in keyof Required<JobRow>]: JobRow[K] };

/** The log of a job: its lines, and behind them the one about what was left out. */
export interface StoredLog {
  readonly parts: LogPart[];
  notice: LogPart | undefined;
  end: LogEnd;
}

/** A job with all that belongs to it. Objects of JSON in it are its own, and never change. */
export interface StoredJob extends Fields {
  args: Uint8Array<ArrayBuffer>;
  result: JobResult | undefined;
  /** The outputs, once there are some. */
  outputs: KeptOutputs | undefined;
  retention: Retention;
  /** The turn of its key, as {@link FairShares} gives it. */
  rank: number;
  /** True while no other job may have {@link JobRow.uniqueKey}. */
  holdsUnique: boolean;
  uniqueMode: UniqueMode | undefined;
  /** The hash of its submission, if that has chosen the id. */
  readonly idHash: string | undefined;
  /** The limits that its submission named. */
  readonly concurrency: ConcurrencyLimit | undefined;
  readonly rate: RateLimit | undefined;
  /** The groups of its keys; none once it has ended. */
  groups: readonly KeyGroup<StoredJob>[];
  /** The lane in which a key holds it back. */
  parkedIn: KeyLane<StoredJob> | undefined;
  /** The random part of its last token. */
  nonce: string;
  /** The last end that its holder gave, to know a repetition of it. */
  lastEnd: { readonly nonce: string; readonly type: Outcome["type"] } | undefined;
  readonly attempts: AttemptRow[];
  /** The events that are kept, oldest first. */
  events: JobEvent[];
  lastEvent: number;
  /** The position of the last chunk that is gone. */
  lastGone: number;
  chunks: number;
  chunkBytes: number;
  /** Undefined until it has a line. */
  log: StoredLog | undefined;
}

/** Returns a job as its submission makes it. */
export function storedJob(
  job: NewJob,
  { seq, now }: { readonly seq: number; readonly now: number },
): StoredJob {
  return {
    seq,
    id: job.id,
    queue: job.queue,
    priority: job.priority,
    attempt: 0,
    run: 0,
    createdAt: now,
    ...firstStart(job, now),
    ...replaceable(job),
    startedAt: undefined,
    finishedAt: undefined,
    startBy: job.ttlMs === undefined ? undefined : now + job.ttlMs,
    holder: undefined,
    worker: undefined,
    leaseUntil: undefined,
    cancelReason: undefined,
    progress: undefined,
    error: undefined,
    resultBytes: undefined,
    uniqueKey: job.unique?.key,
    concurrencyKey: job.concurrency?.key,
    rateKey: job.rate?.key,
    result: undefined,
    outputs: undefined,
    rank: 0,
    holdsUnique: false,
    uniqueMode: job.unique?.mode,
    idHash: job.idHash,
    concurrency: job.concurrency && { ...job.concurrency },
    rate: job.rate && { ...job.rate },
    groups: [],
    parkedIn: undefined,
    nonce: "",
    lastEnd: undefined,
    attempts: [],
    events: [],
    lastEvent: 0,
    lastGone: 0,
    chunks: 0,
    chunkBytes: 0,
    log: undefined,
  };
}

/** Returns the fields that a job takes over when it is replaced. */
export function replaceable(
  job: NewJob,
): Pick<
  StoredJob,
  "kind" | "name" | "pool" | "maxAttempts" | "tags" | "metadata" | "options" | "retention" | "args"
> {
  const { kind, name, pool, maxAttempts, tags, metadata, options, retention, args } = job;
  return {
    kind,
    name,
    pool,
    maxAttempts,
    tags: [...tags],
    metadata: copyOfJson(metadata),
    options: copyOfJson(options),
    retention: { ...retention },
    args,
  };
}

/** Returns true if a job is waiting, and has never begun. */
export function canExpire(job: StoredJob): boolean {
  return job.startBy !== undefined && job.attempts.length === 0 && isWaiting(job.state);
}

/** Returns true for a state in which a job waits to run. */
export function isWaiting(state: JobState): boolean {
  return state !== "running" && !isFinal(state);
}

/** Returns the time at which an ended job may be removed. */
export function removableAt({ state, finishedAt = 0, retention }: StoredJob): number {
  if (state === "completed") return finishedAt + retention.completedMs;
  return finishedAt + (state === "cancelled" ? retention.cancelledMs : retention.discardedMs);
}

/** Returns a job for a caller, who may change it. */
export function rowOf(job: StoredJob): JobRow {
  const { startedAt, finishedAt, startBy, holder, worker, leaseUntil, cancelReason } = job;
  const { progress, error, resultBytes, uniqueKey, concurrencyKey, rateKey } = job;
  return {
    seq: job.seq,
    id: job.id,
    kind: job.kind,
    name: job.name,
    queue: job.queue,
    pool: job.pool,
    state: job.state,
    priority: job.priority,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    run: job.run,
    tags: [...job.tags],
    metadata: copyOfJson(job.metadata),
    options: copyOfJson(job.options),
    createdAt: job.createdAt,
    runAt: job.runAt,
    ...(startedAt !== undefined && { startedAt }),
    ...(finishedAt !== undefined && { finishedAt }),
    ...(startBy !== undefined && { startBy }),
    ...(holder !== undefined && { holder }),
    ...(worker !== undefined && { worker }),
    ...(leaseUntil !== undefined && { leaseUntil }),
    ...(cancelReason !== undefined && { cancelReason }),
    ...(progress !== undefined && { progress: copyOfJson(progress) }),
    ...(error !== undefined && { error: copyOfJson(error) }),
    ...(resultBytes !== undefined && { resultBytes }),
    ...(uniqueKey !== undefined && { uniqueKey }),
    ...(concurrencyKey !== undefined && { concurrencyKey }),
    ...(rateKey !== undefined && { rateKey }),
  };
}

/** Returns a job with its past attempts for a caller, who may change it. */
export function recordOf(job: StoredJob): JobRecord {
  return { ...rowOf(job), attempts: job.attempts.map((it) => copyOfJson(it)) };
}

/** Returns the row of the attempt of a running job that ends at `now`. */
export function attemptRow(
  job: StoredJob,
  end: {
    readonly outcome: AttemptRow["outcome"];
    readonly now: number;
    readonly error: JobError | undefined;
    readonly exit?: JobExit | undefined;
  },
): AttemptRow {
  return copyOfJson({
    run: job.run,
    attempt: job.attempt,
    outcome: end.outcome,
    startedAt: job.startedAt ?? end.now,
    finishedAt: end.now,
    holder: job.holder ?? "",
    ...(job.worker !== undefined && { worker: job.worker }),
    ...(end.error !== undefined && { error: end.error }),
    ...(end.exit !== undefined && { exit: end.exit }),
  });
}

/** Returns a copy, as JSON has it. */
export function copyOfJson<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const _ in value) return JSON.parse(JSON.stringify(value));
    if (!Array.isArray(value) && !("toJSON" in value)) return {} as T;
  }
  return JSON.parse(JSON.stringify(value));
}

/** The states of jobs that a filter of a cancellation matches. */
export const OPEN_STATES: readonly JobState[] = ["available", "scheduled", "running", "retryable"];

/** The states of jobs that a filter of a retry matches. */
export const RETRIED_STATES: readonly JobState[] = [
  "scheduled",
  "retryable",
  "completed",
  "cancelled",
  "discarded",
];
