import type { JobState } from "../../store/mod.ts";
import { heldBy, isEnd, isHeldBack, PLACE, stateOf } from "../schema/mod.ts";
import { type LimitKey, roomOf, start } from "./keys/mod.ts";
import type { Cell } from "./statements.ts";
import type { WriteContext } from "./write_context.ts";

/** The facts about a job that decide where it can go. */
export interface JobFacts {
  readonly seq: number;
  readonly id: string;
  readonly place: number;
  readonly attempt: number;
  readonly run: number;
  readonly max_attempts: number;
  readonly queue: string;
  readonly pool: string;
  readonly settings: string;
  readonly uniq: string | null;
  readonly ckey: string | null;
  readonly rkey: string | null;
}

/** The columns of {@link JobFacts}, of the table `job` or an alias of it. */
export const FACTS = "job.seq, job.id, job.place, job.attempt, job.run, job.max_attempts, " +
  "job.queue, job.pool, job.settings, job.uniq, job.ckey, job.rkey";

/** The retention of a job, the limits of its keys, and the hash of a submission with its id. */
export interface JobSettings {
  readonly retention: readonly [completedMs: number, cancelledMs: number, discardedMs: number];
  readonly concurrency?: number;
  readonly rate?: readonly [limit: number, periodMs: number];
  readonly idHash?: string;
}

const parsed = new Map<string, JobSettings>();

/** Returns the settings of a job. Most jobs have the same. */
export function settingsOf(text: string): JobSettings {
  let settings = parsed.get(text);
  if (settings === undefined) {
    settings = JSON.parse(text) as JobSettings;
    if (parsed.size > 1_000) parsed.clear();
    parsed.set(text, settings);
  }
  return settings;
}

/** Returns the time at which a job that ends now is removed. */
export function removalAt(ctx: WriteContext, settings: string, place: number): number {
  return ctx.now + (settingsOf(settings).retention[place - PLACE.completed] ?? 0);
}

/** Returns the limits of a job's keys. */
function keysOf(
  ctx: WriteContext,
  { queue, ckey, rkey }: Pick<JobFacts, "queue" | "ckey" | "rkey">,
): LimitKey[] {
  const keys: LimitKey[] = [];
  if (ckey !== null) keys.push(ctx.keys.get("concurrency", queue, ckey));
  if (rkey !== null) keys.push(ctx.keys.get("rate", queue, rkey));
  return keys;
}

/** Counts a job among those of its keys, and gives these the limits that it names. */
export function joinKeys(ctx: WriteContext, job: JobFacts, isSubmission: boolean): void {
  if (job.ckey === null && job.rkey === null) return;
  const { concurrency, rate } = settingsOf(job.settings);
  for (const key of keysOf(ctx, job)) {
    const [cap = 1, period = 0] = key.kind === "rate" ? rate ?? [] : [concurrency];
    const isSame = key.cap === cap && key.period === period;
    if (!isSame && (isSubmission || key.jobs === 0)) {
      key.cap = cap;
      key.period = period;
      ctx.keys.free(key);
    }
    // Without jobs, it was the time of the key's removal.
    if (key.jobs === 0) key.next_at = null;
    key.jobs++;
  }
}

/**
 * Makes a job available that has left its place already: ready if its keys let it through, else
 * held, behind those that wait already. Returns the place, which the caller writes.
 */
export function admit(
  ctx: WriteContext,
  job: Pick<JobFacts, "queue" | "pool" | "ckey" | "rkey">,
): number {
  const { pool, queue } = job;
  if (job.ckey !== null || job.rkey !== null) {
    const keys = keysOf(ctx, job);
    const first = keys.find((it) => ctx.lanes.get(it, pool, it.jobs === 1).hasHeld);
    if (first !== undefined) return hold(ctx, first, pool);
    const place = placeAmong(ctx, keys, pool);
    if (place !== PLACE.ready) return place;
  }
  ctx.noteReady(pool, queue);
  return PLACE.ready;
}

/** Returns the place of a job with these keys, which goes before all that they hold. */
export function placeAmong(ctx: WriteContext, keys: readonly LimitKey[], pool: string): number {
  const full = keys.find((it) => roomOf(it, ctx.now) <= ctx.lanes.get(it, pool).ready);
  if (full !== undefined) return hold(ctx, full, pool);
  for (const key of keys) ctx.lanes.get(key, pool).ready++;
  return PLACE.ready;
}

/** Notes that a key holds a job. Returns the place. */
function hold(ctx: WriteContext, key: LimitKey, pool: string): number {
  ctx.lanes.get(key, pool).hasHeld = true;
  ctx.keys.free(key);
  return heldBy(key.kind);
}

/** Takes a job out of its place: its keys get room for others. */
export function leave(ctx: WriteContext, job: JobFacts): void {
  if (job.ckey === null && job.rkey === null) return;
  for (const key of keysOf(ctx, job)) {
    if (job.place === PLACE.ready) ctx.lanes.get(key, job.pool).ready--;
    else if (job.place === PLACE.running && key.kind === "concurrency") key.running--;
    else continue;
    ctx.keys.free(key);
  }
}

/**
 * Counts the start of a ready job at its keys. If one of them has no room, as when jobs of another
 * pool have started, the job is held again, and false is returned.
 */
export function startWithKeys(
  ctx: WriteContext,
  job: Pick<JobFacts, "seq" | "queue" | "ckey" | "rkey">,
  pool: string,
): boolean {
  if (job.ckey === null && job.rkey === null) return true;
  const keys = keysOf(ctx, job);
  for (const key of keys) ctx.lanes.get(key, pool).ready--;
  const full = keys.find((it) => roomOf(it, ctx.now) <= 0);
  if (full === undefined) {
    for (const key of keys) {
      start(key, ctx.now);
      // Jobs that it holds for as long as it was not used at all need a time from here on.
      if (key.kind === "rate" && key.next_at === null) ctx.keys.free(key);
    }
    return true;
  }
  // The room that it leaves at its other key.
  for (const key of keys) ctx.keys.free(key);
  const place = hold(ctx, full, pool);
  ctx.statements.run("update job set place = ? where seq = ?", place, job.seq);
  ctx.isChanged = true;
  return false;
}

/** Takes the keys from a job that ends. */
export function partFromKeys(ctx: WriteContext, job: JobFacts): void {
  if (job.uniq !== null) {
    ctx.statements.run("delete from unique_key where key = ? and seq = ?", job.uniq, job.seq);
  }
  if (job.ckey === null && job.rkey === null) return;
  for (const key of keysOf(ctx, job)) key.jobs--;
}

const END = `update job set place = ?1, attempt = ?, event_seq = event_seq + 1, finished_at = ?,
  remove_at = ?, started_at = coalesce(?, started_at), end_nonce = coalesce(?, end_nonce), holder = ?,
  worker = ?, cancel_reason = case when ?1 = ${PLACE.cancelled} then cancel_reason end,
  progress = coalesce(?, progress), error = ?, result_bytes = ?, result = ? where seq = ?`;

/** The columns of a job that ends. */
export interface JobEnd {
  readonly place: number;
  readonly attempt: number;
  readonly startedAt?: number | null;
  readonly nonce?: string | null;
  readonly holder?: string | null;
  readonly worker?: string | null;
  readonly progress?: string | null;
  readonly error: string | null;
  readonly resultBytes?: number | null;
  readonly result?: Uint8Array | null;
}

/** Ends a job, in whatever place it is. */
export function endJob(ctx: WriteContext, job: JobFacts, end: JobEnd): JobState {
  const { place, attempt, startedAt, nonce, holder, worker, progress, error } = end;
  leave(ctx, job);
  partFromKeys(ctx, job);
  const cells: Cell[] = [
    place,
    attempt,
    ctx.now,
    removalAt(ctx, job.settings, place),
    startedAt ?? null,
    nonce ?? null,
    holder ?? null,
    worker ?? null,
    progress ?? null,
    error,
    end.resultBytes ?? null,
    end.result ?? null,
    job.seq,
  ];
  ctx.statements.run(END, ...cells);
  moved(ctx, job, place);
  return stateOf(place);
}

/** Counts a job that has gone to another place. */
export function moved(ctx: WriteContext, job: JobFacts, place: number): void {
  ctx.counters.move(job.queue, counted(job.place), counted(place));
  ctx.isChanged = true;
}

/** The place under which a job is counted: held jobs count as ready ones. */
export function counted(place: number): number {
  return isHeldBack(place) ? PLACE.ready : place;
}

/** Returns true for a job that waits. */
export function isWaiting(place: number): boolean {
  return !isEnd(place) && place !== PLACE.running;
}
