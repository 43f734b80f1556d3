import type { JobState } from "../../store/mod.ts";
import { isEnd, PLACE, stateOf } from "../schema/mod.ts";
import { type LimitKey, nextRoomAt, roomOf } from "./limit_keys.ts";
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

/** The retention of a job, and the limits of its keys. */
export interface JobSettings {
  readonly retention: readonly [completedMs: number, cancelledMs: number, discardedMs: number];
  readonly concurrency?: number;
  readonly rate?: readonly [limit: number, periodMs: number];
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
function keysOf(ctx: WriteContext, { queue, ckey, rkey }: JobFacts): LimitKey[] {
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
      holdBack(ctx, key);
    }
    key.jobs++;
  }
}

/**
 * Makes a job available that has left its place already: ready if its keys let it through, else
 * held. Returns the place, which the caller writes.
 */
export function admit(ctx: WriteContext, job: JobFacts): number {
  if (job.ckey !== null || job.rkey !== null) {
    const keys = keysOf(ctx, job);
    if (keys.some((it) => roomOf(it, ctx.now) <= 0)) {
      for (const key of keys) ctx.keys.free(key);
      return PLACE.held;
    }
    for (const key of keys) key.released++;
  }
  ctx.noteReady(job.pool, job.queue);
  return PLACE.ready;
}

/** Takes a job out of its place: its keys get room for others. */
export function leave(ctx: WriteContext, job: JobFacts): void {
  if (job.ckey === null && job.rkey === null) return;
  const { place } = job;
  for (const key of keysOf(ctx, job)) {
    const isCounted = place === PLACE.ready ||
      (place === PLACE.running && key.kind === "concurrency");
    if (!isCounted) continue;
    key.released--;
    ctx.keys.free(key);
  }
}

/** Takes the keys from a job that ends. */
export function partFromKeys(ctx: WriteContext, job: JobFacts): void {
  if (job.uniq !== null) {
    ctx.statements.run("delete from unique_key where key = ? and seq = ?", job.uniq, job.seq);
  }
  if (job.ckey === null && job.rkey === null) return;
  for (const key of keysOf(ctx, job)) key.jobs--;
}

/** Lets jobs through for which keys have got room. Called once at the end of each group. */
export function releaseHeld(ctx: WriteContext): void {
  for (let key = ctx.keys.takeFreed(); key !== undefined; key = ctx.keys.takeFreed()) {
    while (roomOf(key, ctx.now) > 0 && releaseOne(ctx, key)) { /* until it is full or empty */ }
    if (key.kind === "rate") setNextAt(ctx, key);
  }
}

function setNextAt(ctx: WriteContext, key: LimitKey): void {
  const { queue } = key;
  const held = ctx.statements.get(
    `select 1 from job where place = ${PLACE.held} and queue = ? and rkey = ? limit 1`,
    queue,
    key.key,
  );
  const at = held === undefined ? undefined : nextRoomAt(key);
  // One that has come has jobs which wait for their other key, and needs no timer.
  key.next_at = at === undefined || at <= ctx.now ? null : at;
  if (key.next_at !== null) ctx.rateAt = Math.min(ctx.rateAt, key.next_at);
}

interface Head {
  readonly seq: number;
  readonly priority: number;
  readonly pool: string;
  readonly other: string | null;
}

/** The most keys of the other kind that are looked at for one job. */
const MAX_LANES = 256;

/** Lets the first job through that a key holds and that its other key lets through. */
function releaseOne(ctx: WriteContext, key: LimitKey): boolean {
  const { queue, kind } = key;
  const [own, other] = kind === "concurrency" ? ["ckey", "rkey"] : ["rkey", "ckey"];
  const otherKind = kind === "concurrency" ? "rate" : "concurrency";
  const from = `from job where place = ${PLACE.held} and queue = ? and ${own} = ?`;
  const best = `order by priority desc, seq limit 1`;
  const columns = `select seq, priority, pool, ${other} as other`;
  let first = ctx.statements.get<Head>(
    `${columns} ${from} and ${other} is null ${best}`,
    queue,
    key.key,
  );
  let lane = "";
  for (let i = 0; i < MAX_LANES; i++) {
    const next = ctx.statements.get<{ lane: string }>(
      `select ${other} as lane ${from} and ${other} > ? order by ${other} limit 1`,
      queue,
      key.key,
      lane,
    );
    if (next === undefined) break;
    lane = next.lane;
    const otherKey = ctx.keys.get(otherKind, queue, lane);
    if (roomOf(otherKey, ctx.now) <= 0) {
      if (otherKind === "rate" && otherKey.next_at === null) setNextAt(ctx, otherKey);
      continue;
    }
    const head = ctx.statements.get<Head>(
      `${columns} ${from} and ${other} = ? ${best}`,
      queue,
      key.key,
      lane,
    );
    if (head !== undefined && (first === undefined || isBefore(head, first))) first = head;
  }
  if (first === undefined) return false;
  ctx.statements.run(`update job set place = ${PLACE.ready} where seq = ?`, first.seq);
  ctx.isChanged = true;
  key.released++;
  if (first.other !== null) ctx.keys.get(otherKind, queue, first.other).released++;
  ctx.noteReady(first.pool, queue);
  return true;
}

function isBefore(a: Head, b: Head): boolean {
  return a.priority === b.priority ? a.seq < b.seq : a.priority > b.priority;
}

/** Takes back jobs that a key has let through, after its limit was lowered. */
function holdBack(ctx: WriteContext, key: LimitKey): void {
  ctx.keys.free(key);
  const excess = Math.min(-roomOf(key, ctx.now), key.released);
  if (excess <= 0) return;
  const own = key.kind === "concurrency" ? "ckey" : "rkey";
  const jobs = ctx.statements.all<JobFacts>(
    `select ${FACTS} from job where place = ${PLACE.ready} and queue = ? and ${own} = ?
    order by priority, seq desc limit ?`,
    key.queue,
    key.key,
    excess,
  );
  for (const job of jobs) {
    leave(ctx, job);
    ctx.statements.run(`update job set place = ${PLACE.held} where seq = ?`, job.seq);
  }
}

const END = `update job set place = ?1, attempt = ?, event_seq = event_seq + 1, finished_at = ?,
  remove_at = ?, started_at = coalesce(?, started_at), end_nonce = ?, holder = ?, worker = ?,
  cancel_reason = case when ?1 = ${PLACE.cancelled} then cancel_reason end,
  progress = coalesce(?, progress), error = ?, result_bytes = ?, result = ? where seq = ?`;

/** The columns of a job that ends. */
export interface JobEnd {
  readonly place: number;
  readonly attempt: number;
  readonly startedAt?: number | null;
  readonly nonce?: number | null;
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
  return place === PLACE.held ? PLACE.ready : place;
}

/** Returns true for a job that waits. */
export function isWaiting(place: number): boolean {
  return !isEnd(place) && place !== PLACE.running;
}
