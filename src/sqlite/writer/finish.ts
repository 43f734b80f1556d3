import type { JobError, Outcome, RunLines } from "../../store/mod.ts";
import { afterOutcome } from "../../store/jobs/job_transition.ts";
import { PLACE, placeOf } from "../schema/mod.ts";
import { byteParts } from "../messages/mod.ts";
import type { PackedHolds, PackedOutputs } from "../messages/mod.ts";
import { nameBlob } from "./files/mod.ts";
import {
  admit,
  endJob,
  FACTS,
  type JobFacts,
  leave,
  moved,
  partFromKeys,
  removalAt,
} from "./job_moves.ts";
import { addToLog, linesOf } from "./log.ts";
import { addChunks, addOutputs, outputBytes } from "./outputs/mod.ts";
import type { Cell } from "./statements.ts";
import { INLINE_BYTES } from "./submit/mod.ts";
import { IN_LIST, type WriteContext } from "./write_context.ts";

/** A running job, with its claim. */
export interface RunningJob extends Omit<JobFacts, "place"> {
  place: number;
  readonly error: string | null;
  end_nonce: string | null;
  nonce: string | null;
  readonly lease_until: number;
  readonly started_at: number;
  readonly cancelling: number;
  readonly holder: string;
  readonly worker: string | null;
  readonly progress: string | null;
}

/** The columns of {@link RunningJob}, of `job` and `running`. */
export const RUNNING = `${FACTS}, job.error, job.end_nonce, running.nonce, running.lease_until,
  running.started_at, running.cancelling, running.holder, running.worker, running.progress`;

const OF_TOKENS = `select ${RUNNING} from job left join running on running.seq = job.seq
  where job.seq ${IN_LIST}`;

/** The cells of one end, and of one extension. */
export const HOLD_CELLS = 12;

/** A claim that is extended or ended, as the message has it. */
export interface HoldCells {
  readonly seq: number;
  readonly run: number;
  readonly nonce: string;
  readonly id: string;
  readonly leaseMs: number;
  readonly worker: string | null;
  readonly progress: string | null;
  /** The number of its byte strings; the last one is the result, if that is no blob. */
  readonly parts: number;
  readonly outcome: string | null;
  /** The error; of a completed end, the hash of the blob that is its result. */
  readonly error: string | null;
  /**
   * `retryInMs` of a failure; 1 or 0 for `hasBegun` of a return; the length of the blob that is the
   * result.
   */
  readonly detail: number | null;
  readonly exit: string | null;
  readonly outputs?: PackedOutputs;
}

/** Returns the claims of a message. */
export function holdsOf(cells: readonly Cell[], outputs?: readonly PackedOutputs[]): HoldCells[] {
  const holds: HoldCells[] = [];
  for (let at = 0; at < cells.length; at += HOLD_CELLS) {
    holds.push({
      seq: cells[at] as number,
      run: cells[at + 1] as number,
      nonce: cells[at + 2] as string,
      id: cells[at + 3] as string,
      leaseMs: cells[at + 4] as number,
      worker: cells[at + 5] as string | null,
      progress: cells[at + 6] as string | null,
      parts: cells[at + 7] as number,
      outcome: cells[at + 8] as string | null,
      error: cells[at + 9] as string | null,
      detail: cells[at + 10] as number | null,
      exit: cells[at + 11] as string | null,
    });
  }
  for (const it of outputs ?? []) {
    const hold = holds[it.at];
    if (hold !== undefined) holds[it.at] = { ...hold, outputs: it };
  }
  return holds;
}

/** Returns the jobs of claims, by `seq`. */
export function jobsOf(ctx: WriteContext, holds: readonly HoldCells[]): Map<number, RunningJob> {
  const list = `[${holds.map((it) => it.seq).join(",")}]`;
  const jobs = new Map<number, RunningJob>();
  for (const cells of ctx.statements.cells(OF_TOKENS, list)) {
    const job = runningOf(cells as unknown as RunningRow);
    jobs.set(job.seq, job);
  }
  return jobs;
}

/** The cells of {@link RUNNING}. */
type RunningRow = readonly [
  seq: number,
  id: string,
  place: number,
  attempt: number,
  run: number,
  maxAttempts: number,
  queue: string,
  pool: string,
  settings: string,
  uniq: string | null,
  ckey: string | null,
  rkey: string | null,
  error: string | null,
  endNonce: string | null,
  nonce: string | null,
  leaseUntil: number,
  startedAt: number,
  cancelling: number,
  holder: string,
  worker: string | null,
  progress: string | null,
];

/** Makes an object of a row, which is several times as fast to read as the one of SQLite. */
function runningOf(row: RunningRow): RunningJob {
  return {
    seq: row[0],
    id: row[1],
    place: row[2],
    attempt: row[3],
    run: row[4],
    max_attempts: row[5],
    queue: row[6],
    pool: row[7],
    settings: row[8],
    uniq: row[9],
    ckey: row[10],
    rkey: row[11],
    error: row[12],
    end_nonce: row[13],
    nonce: row[14],
    lease_until: row[15],
    started_at: row[16],
    cancelling: row[17],
    holder: row[18],
    worker: row[19],
    progress: row[20],
  };
}

/** Returns true if the claim is that of the last start, and the job still runs. */
export function isHeld(job: RunningJob | undefined, hold: HoldCells): job is RunningJob {
  return job !== undefined && job.place === PLACE.running && job.run === hold.run &&
    job.nonce === hold.nonce && job.id === hold.id;
}

const NONE: readonly Uint8Array[] = [];
const EMPTY = new Uint8Array();

/** The answer for an end whose claim had ended in another way. */
const LOST = -1;

/**
 * Ends claims of many callers. Returns the place of each job, by caller; -1 for a claim that was
 * lost.
 */
export function finish(ctx: WriteContext, asks: readonly PackedHolds[]): number[][] {
  const holds = asks.flatMap(({ cells, outputs }) => holdsOf(cells, outputs));
  const jobs = jobsOf(ctx, holds);
  const parts = asks.flatMap(({ bytes }) => byteParts(bytes));
  const lines = linesOfAll(asks);
  const ended: number[] = [];
  let part = 0;
  const places = holds.map((hold, i) => {
    const own = hold.parts === 0 ? NONE : parts.slice(part, part += hold.parts);
    const job = jobs.get(hold.seq);
    if (!isHeld(job, hold)) return placeOfTwin(ctx, job, hold);
    const log = lines?.get(i);
    if (log !== undefined) addToLog(ctx, job, log);
    // A second end of the same claim in this list finds it ended.
    const place = finishOne(ctx, job, hold, own);
    job.place = place;
    job.end_nonce = hold.nonce;
    job.nonce = null;
    ended.push(hold.seq);
    return place;
  });
  if (ended.length > 0) {
    ctx.statements.run(`delete from running where seq ${IN_LIST}`, `[${ended.join(",")}]`);
  }
  let at = 0;
  return asks.map(({ cells }) => places.slice(at, at += cells.length / HOLD_CELLS));
}

/** Returns the lines of several messages, by the index of their end; undefined without any. */
function linesOfAll(asks: readonly PackedHolds[]): Map<number, RunLines[]> | undefined {
  if (asks.every(({ logs }) => logs === undefined)) return undefined;
  const all = new Map<number, RunLines[]>();
  let start = 0;
  for (const { cells, logs } of asks) {
    if (logs !== undefined) { for (const [i, lines] of linesOf(logs)) all.set(start + i, lines); }
    start += cells.length / HOLD_CELLS;
  }
  return all;
}

/** Returns the place of a job whose last end was this one already; -1 if it was not. */
function placeOfTwin(ctx: WriteContext, job: RunningJob | undefined, hold: HoldCells): number {
  if (job === undefined || job.id !== hold.id || job.end_nonce !== hold.nonce) return LOST;
  const attempt = ctx.statements.get<{ outcome: string }>(
    "select outcome from attempt where seq = ? and run = ?",
    hold.seq,
    hold.run,
  );
  // Of these two, no attempt need be written.
  const implied = job.place === PLACE.completed ? "completed" : "returned";
  return hold.outcome === (attempt?.outcome ?? implied) ? job.place : LOST;
}

function finishOne(
  ctx: WriteContext,
  job: RunningJob,
  hold: HoldCells,
  own: readonly Uint8Array[],
): number {
  if (hold.outputs !== undefined) addOutputs(ctx, job.seq, hold.outputs);
  if (hold.outcome === "completed") return complete(ctx, job, hold, own);
  if (own.length > 0) addChunks(ctx, job, own);
  const worker = hold.worker ?? job.worker;
  const isCancelling = job.cancelling === 1;
  const { attempt, max_attempts: maxAttempts } = job;
  const next = afterOutcome(outcomeOf(hold), { attempt, maxAttempts, isCancelling }, ctx.now);
  const error = next.error === "same" ? job.error : jsonOf(next.error);
  if (next.recorded !== undefined) {
    addAttempt(ctx, job, {
      outcome: next.recorded,
      worker,
      error: next.error === "same" ? null : error,
      exit: hold.exit,
    });
  }
  return goOn(ctx, job, {
    place: placeOf(next.state),
    attempt: next.attempt,
    runAt: next.runAt,
    error,
    nonce: hold.nonce,
    progress: hold.progress ?? job.progress,
    hasBegun: next.recorded !== undefined,
  });
}

const COMPLETE = `update job set place = ${PLACE.completed}, event_seq = event_seq + 1,
  finished_at = ?, remove_at = ?, started_at = ?, end_nonce = ?, holder = ?, worker = ?,
  progress = ?, result_bytes = ?, result = ?, error = null, cancel_reason = null where seq = ?`;

/** Ends a job with a result: the most frequent end, in one statement with few values. */
function complete(
  ctx: WriteContext,
  job: RunningJob,
  hold: HoldCells,
  own: readonly Uint8Array[],
): number {
  const { statements } = ctx;
  const blob = hold.error;
  const areOutputs = hold.outputs?.areResult === true;
  const result = blob === null && !areOutputs ? own[own.length - 1] ?? EMPTY : null;
  const worker = hold.worker ?? job.worker;
  const chunks = result === null ? own : own.slice(0, -1);
  if (chunks.length > 0) addChunks(ctx, job, chunks);
  if (hold.exit !== null) {
    addAttempt(ctx, job, { outcome: "completed", worker, error: null, exit: hold.exit });
  }
  leave(ctx, job);
  partFromKeys(ctx, job);
  const bytes = areOutputs ? outputBytes(ctx, job.seq) : result?.byteLength ?? hold.detail;
  const isInline = result !== null && result.byteLength <= INLINE_BYTES;
  statements.run(
    COMPLETE,
    ctx.now,
    removalAt(ctx, job.settings, PLACE.completed),
    job.started_at,
    hold.nonce,
    job.holder,
    worker,
    hold.progress ?? job.progress,
    bytes,
    isInline ? result : null,
    job.seq,
  );
  if (blob !== null) {
    statements.run("insert into job_blob (seq, sha256) values (?, ?)", job.seq, blob);
    nameBlob(ctx, blob);
  } else if (!isInline && result !== null) {
    statements.run(PUT_RESULT, job.seq, result);
  }
  ctx.words.change(job.seq, job.error, null);
  moved(ctx, job, PLACE.completed);
  return PLACE.completed;
}

const PUT_RESULT = `insert into job_result (seq, body) values (?, ?)
  on conflict (seq) do update set body = excluded.body`;

/** The columns of a job that stops running. */
export interface AfterRun {
  readonly place: number;
  readonly attempt: number;
  readonly runAt?: number | undefined;
  readonly error: string | null;
  readonly nonce: string | null;
  readonly progress: string | null;
  readonly hasBegun: boolean;
}

/** Moves a job that has stopped running to its next place. Returns the place. */
export function goOn(ctx: WriteContext, job: RunningJob, after: AfterRun): number {
  const { attempt, runAt, error, nonce, progress } = after;
  ctx.words.change(job.seq, job.error, error);
  if (after.place >= PLACE.completed) {
    const { started_at: startedAt } = job;
    endJob(ctx, job, { place: after.place, attempt, startedAt, nonce, progress, error });
    return after.place;
  }
  leave(ctx, job);
  const place = after.place === PLACE.ready ? admit(ctx, job) : after.place;
  // It may have expired while it was claimed: the next look finds out.
  if (!after.hasBegun) ctx.expiryAt = Math.min(ctx.expiryAt, ctx.now);
  if (runAt !== undefined) ctx.dueAt = Math.min(ctx.dueAt, runAt);
  ctx.statements.run(
    `update job set place = ?, attempt = ?, run_at = coalesce(?, run_at), started_at = ?,
      end_nonce = coalesce(?, end_nonce), error = ?, progress = ?, begun = max(begun, ?)
      where seq = ?`,
    place,
    attempt,
    runAt ?? null,
    job.started_at,
    nonce,
    error,
    progress,
    after.hasBegun ? 1 : 0,
    job.seq,
  );
  moved(ctx, job, place);
  return place;
}

/** Writes a past attempt. */
export function addAttempt(
  ctx: WriteContext,
  job: RunningJob,
  it: {
    readonly outcome: string;
    readonly worker: string | null;
    readonly error: string | null;
    readonly exit: string | null;
  },
): void {
  ctx.statements.run(
    "insert into attempt values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    job.seq,
    job.run,
    job.attempt,
    it.outcome,
    job.started_at,
    ctx.now,
    job.holder,
    it.worker,
    it.error,
    it.exit,
  );
}

function outcomeOf({ outcome, error, detail }: HoldCells): Outcome {
  switch (outcome) {
    case "failed":
      return { type: "failed", error: JSON.parse(error ?? "null"), retryInMs: detail };
    case "cancelled":
      return { type: "cancelled", ...(error !== null && { error: JSON.parse(error) }) };
    case "returned":
      return error === null
        ? { type: "returned", hasBegun: detail === 1 }
        : { type: "returned", hasBegun: false, error: JSON.parse(error), inMs: detail ?? 0 };
    default:
      throw new Error(`no end is ${outcome}`);
  }
}

/** Returns an error as it is stored. */
export function jsonOf(error: JobError | undefined): string | null {
  return error === undefined ? null : JSON.stringify(error);
}
