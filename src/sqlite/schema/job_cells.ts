import type { JobError, JobRow, JsonObject } from "../../store/mod.ts";
import type { Cell } from "../messages/mod.ts";
import { PLACE, stateOf } from "./places.ts";

/** The cells of a job as lists, claims and records carry it. */
export const JOB_CELLS = [
  "seq",
  "id",
  "kind",
  "name",
  "queue",
  "pool",
  "place",
  "priority",
  "attempt",
  "max_attempts",
  "run",
  "tags",
  "metadata",
  "options",
  "created_at",
  "run_at",
  "started_at",
  "finished_at",
  "start_by",
  "cancel_reason",
  "progress",
  "error",
  "result_bytes",
  "uniq",
  "ckey",
  "rkey",
  "args_bytes",
] as const;

/** The index of a cell. */
export function cellAt(name: typeof JOB_CELLS[number]): number {
  return JOB_CELLS.indexOf(name);
}

/** The cells that a running job has beside its own. */
export interface RunCells {
  readonly holder: string;
  readonly leaseUntil: number;
  readonly startedAt: number;
  readonly worker?: string | null;
}

/** Returns the row of a job. */
export function jobRowOf(cells: readonly Cell[], run?: RunCells): JobRow {
  const [
    seq,
    id,
    kind,
    name,
    queue,
    pool,
    place,
    priority,
    attempt,
    maxAttempts,
    runs,
    tags,
    metadata,
    options,
    createdAt,
    runAt,
    startedAt,
    finishedAt,
    startBy,
    cancelReason,
    progress,
    error,
    resultBytes,
    uniqueKey,
    concurrencyKey,
    rateKey,
  ] = cells as Known;
  const row: Mutable<JobRow> = {
    seq,
    id,
    kind,
    name,
    queue,
    pool,
    state: stateOf(place),
    priority,
    attempt,
    maxAttempts,
    run: runs,
    tags: tags === null ? [] : JSON.parse(tags) as string[],
    metadata: metadata === null ? {} : JSON.parse(metadata) as JsonObject,
    options: options === null ? {} : JSON.parse(options) as JsonObject,
    createdAt,
    runAt,
  };
  const start = run?.startedAt ?? startedAt;
  if (start !== null) row.startedAt = start;
  if (finishedAt !== null && place >= PLACE.completed) row.finishedAt = finishedAt;
  if (startBy !== null) row.startBy = startBy;
  if (run !== undefined) {
    row.holder = run.holder;
    row.leaseUntil = run.leaseUntil;
    if (typeof run.worker === "string") row.worker = run.worker;
  }
  if (cancelReason !== null) row.cancelReason = cancelReason;
  if (progress !== null) row.progress = JSON.parse(progress);
  if (error !== null) row.error = JSON.parse(error) as JobError;
  if (resultBytes !== null && place === PLACE.completed) row.resultBytes = resultBytes;
  if (uniqueKey !== null) row.uniqueKey = uniqueKey;
  if (concurrencyKey !== null) row.concurrencyKey = concurrencyKey;
  if (rateKey !== null) row.rateKey = rateKey;
  return row;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The cells of {@link JOB_CELLS}, with their types. */
type Known = readonly [
  seq: number,
  id: string,
  kind: string,
  name: string,
  queue: string,
  pool: string,
  place: number,
  priority: number,
  attempt: number,
  maxAttempts: number,
  run: number,
  tags: string | null,
  metadata: string | null,
  options: string | null,
  createdAt: number,
  runAt: number,
  startedAt: number | null,
  finishedAt: number | null,
  startBy: number | null,
  cancelReason: string | null,
  progress: string | null,
  error: string | null,
  resultBytes: number | null,
  uniqueKey: string | null,
  concurrencyKey: string | null,
  rateKey: string | null,
  argsBytes: number,
];
