import type { JobError, Outcome } from "../../store/mod.ts";
import { afterOutcome } from "../../store/jobs/job_transition.ts";
import { PLACE, placeOf, stateOf } from "../schema/mod.ts";
import { byteParts } from "../messages/mod.ts";
import type { PackedHolds } from "../messages/mod.ts";
import { addChunks } from "./chunks.ts";
import { admit, endJob, FACTS, type JobFacts, leave, moved } from "./job_moves.ts";
import type { Cell } from "./statements.ts";
import { INLINE_BYTES } from "./submit.ts";
import { IN_LIST, type WriteContext } from "./write_context.ts";

/** A running job, with its claim. */
export interface RunningJob extends JobFacts {
  readonly error: string | null;
  readonly end_nonce: number | null;
  readonly nonce: number | null;
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
export const HOLD_CELLS = 11;

/** A claim that is extended or ended, as the message has it. */
export interface HoldCells {
  readonly seq: number;
  readonly run: number;
  readonly nonce: number;
  readonly leaseMs: number;
  readonly worker: string | null;
  readonly progress: string | null;
  /** The number of its byte strings; of a completed end, the last one is the result. */
  readonly parts: number;
  readonly outcome: string | null;
  readonly error: string | null;
  /** `retryInMs` of a failure; 1 or 0 for `hasBegun` of a return. */
  readonly detail: number | null;
  readonly exit: string | null;
}

/** Returns the claims of a message. */
export function holdsOf(cells: readonly Cell[]): HoldCells[] {
  const holds: HoldCells[] = [];
  for (let at = 0; at < cells.length; at += HOLD_CELLS) {
    holds.push({
      seq: cells[at] as number,
      run: cells[at + 1] as number,
      nonce: cells[at + 2] as number,
      leaseMs: cells[at + 3] as number,
      worker: cells[at + 4] as string | null,
      progress: cells[at + 5] as string | null,
      parts: cells[at + 6] as number,
      outcome: cells[at + 7] as string | null,
      error: cells[at + 8] as string | null,
      detail: cells[at + 9] as number | null,
      exit: cells[at + 10] as string | null,
    });
  }
  return holds;
}

/** Returns the jobs of claims, by `seq`. */
export function jobsOf(ctx: WriteContext, holds: readonly HoldCells[]): Map<number, RunningJob> {
  const list = `[${holds.map((it) => it.seq).join(",")}]`;
  return new Map(ctx.statements.all<RunningJob>(OF_TOKENS, list).map((it) => [it.seq, it]));
}

/** Returns true if the claim is that of the last start, and the job still runs. */
export function isHeld(job: RunningJob | undefined, hold: HoldCells): job is RunningJob {
  return job !== undefined && job.place === PLACE.running && job.run === hold.run &&
    job.nonce === hold.nonce;
}

/** The answer for an end whose claim had ended in another way. */
const LOST = -1;

/** Ends claims. Returns the place of each job; -1 for a claim that was lost. */
export function finish(ctx: WriteContext, { cells, bytes }: PackedHolds): number[] {
  const holds = holdsOf(cells);
  const jobs = jobsOf(ctx, holds);
  const parts = byteParts(bytes);
  const ended: number[] = [];
  let part = 0;
  const places = holds.map((hold) => {
    const own = hold.parts === 0 ? [] : parts.slice(part, part += hold.parts);
    const job = jobs.get(hold.seq);
    if (!isHeld(job, hold)) return placeOfTwin(ctx, job, hold);
    // A second end of the same claim in this list finds it ended.
    const place = finishOne(ctx, job, { ...hold, own });
    jobs.set(hold.seq, { ...job, place, end_nonce: hold.nonce, nonce: null });
    ended.push(hold.seq);
    return place;
  });
  if (ended.length > 0) {
    ctx.statements.run(`delete from running where seq ${IN_LIST}`, `[${ended.join(",")}]`);
  }
  return places;
}

/** Returns the place of a job whose claim was ended with the same token before; -1 if not. */
function placeOfTwin(ctx: WriteContext, job: RunningJob | undefined, hold: HoldCells): number {
  if (job === undefined || hold.outcome === null) return LOST;
  // Of these two, no attempt is written.
  const implied = job.place === PLACE.completed ? "completed" : "returned";
  const isLast = job.run === hold.run && job.end_nonce === hold.nonce;
  if (isLast && hold.outcome === implied) return job.place;
  const earlier = ctx.statements.get(
    "select 1 from attempt where seq = ? and run = ? and nonce = ? and outcome = ?",
    hold.seq,
    hold.run,
    hold.nonce,
    hold.outcome,
  );
  return earlier === undefined ? LOST : job.place;
}

function finishOne(
  ctx: WriteContext,
  job: RunningJob,
  hold: HoldCells & { readonly own: readonly Uint8Array[] },
): number {
  const { own, outcome } = hold;
  const isCompleted = outcome === "completed";
  const chunks = isCompleted ? own.slice(0, -1) : own;
  if (chunks.length > 0) addChunks(ctx, job, chunks);
  const worker = hold.worker ?? job.worker;
  if (isCompleted) {
    const result = own[own.length - 1] ?? new Uint8Array();
    const isInline = result.byteLength <= INLINE_BYTES;
    if (hold.exit !== null) {
      const attempt = { outcome, worker, error: null, exit: hold.exit, nonce: hold.nonce };
      addAttempt(ctx, job, attempt);
    }
    endJob(ctx, job, {
      place: PLACE.completed,
      attempt: job.attempt,
      startedAt: job.started_at,
      nonce: hold.nonce,
      holder: job.holder,
      worker,
      progress: hold.progress ?? job.progress,
      error: null,
      resultBytes: result.byteLength,
      result: isInline ? result : null,
    });
    if (!isInline) {
      ctx.statements.run("insert or replace into job_result values (?, ?)", job.seq, result);
    }
    return PLACE.completed;
  }
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
      nonce: hold.nonce,
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

/** The columns of a job that stops running. */
export interface AfterRun {
  readonly place: number;
  readonly attempt: number;
  readonly runAt?: number | undefined;
  readonly error: string | null;
  readonly nonce: number | null;
  readonly progress: string | null;
  readonly hasBegun: boolean;
}

/** Moves a job that has stopped running to its next place. Returns the place. */
export function goOn(ctx: WriteContext, job: RunningJob, after: AfterRun): number {
  const { attempt, runAt, error, nonce, progress } = after;
  if (after.place >= PLACE.completed) {
    const { started_at: startedAt } = job;
    endJob(ctx, job, { place: after.place, attempt, startedAt, nonce, progress, error });
    return after.place;
  }
  leave(ctx, job);
  const place = after.place === PLACE.ready ? admit(ctx, job) : after.place;
  if (runAt !== undefined) ctx.dueAt = Math.min(ctx.dueAt, runAt);
  ctx.statements.run(
    `update job set place = ?, attempt = ?, run_at = coalesce(?, run_at), started_at = ?,
      end_nonce = ?, error = ?, progress = ?, begun = max(begun, ?) where seq = ?`,
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
    readonly nonce: number | null;
  },
): void {
  ctx.statements.run(
    "insert into attempt values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    it.nonce,
  );
}

function outcomeOf({ outcome, error, detail }: HoldCells): Outcome {
  switch (outcome) {
    case "failed":
      return { type: "failed", error: JSON.parse(error ?? "null"), retryInMs: detail };
    case "cancelled":
      return { type: "cancelled", ...(error !== null && { error: JSON.parse(error) }) };
    case "returned":
      return { type: "returned", hasBegun: detail === 1 };
    default:
      throw new Error(`no end is ${outcome}`);
  }
}

/** Returns an error as it is stored. */
export function jsonOf(error: JobError | undefined): string | null {
  return error === undefined ? null : JSON.stringify(error);
}

/** Returns the state of a place that {@link finish} has returned; undefined for a lost claim. */
export function answeredState(place: number): ReturnType<typeof stateOf> | undefined {
  return place === LOST ? undefined : stateOf(place);
}
