import { InvalidInputError } from "../../errors.ts";
import type { SubmitAnswer, UniqueMode } from "../../store/mod.ts";
import { PLACE, stateOf } from "../schema/mod.ts";
import { byteParts } from "../messages/mod.ts";
import type { OtherAnswer, PackedJobs, SubmitAnswers } from "../messages/mod.ts";
import { missingFile, nameFiles, releaseFiles } from "./files/mod.ts";
import {
  admit,
  counted,
  FACTS,
  isWaiting,
  type JobFacts,
  joinKeys,
  leave,
  moved,
  settingsOf,
} from "./job_moves.ts";
import { dropOutputs } from "./outputs/mod.ts";
import { giveRank, newRank, takeRank } from "./ranks.ts";
import type { Cell } from "./statements.ts";
import type { WriteContext } from "./write_context.ts";

/** Arguments and results up to this length are in the row of the job, longer ones beside it. */
export const INLINE_BYTES = 1_024;

/** The number of cells of a job in {@link PackedJobs}. */
export const PACKED_CELLS = 21;

const INSERT = `insert into job (seq, id, kind, name, queue, pool, place, priority, max_attempts,
  created_at, run_at, start_by, settings, uniq, ckey, rkey, tags, metadata, options,
  args_bytes, args, attempt, run, begun, event_seq)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)`;
/** The same for a job with a rank, which comes last. */
const INSERT_RANKED = INSERT.replace("event_seq)", "event_seq, rank)").replace("0, 0)", "0, 0, ?)");

/** A submission: the cells of a job by name. */
interface Submission {
  readonly id: string;
  readonly queue: string;
  readonly pool: string;
  readonly startAt: number | null;
  readonly startInMs: number | null;
  readonly ttlMs: number | null;
  readonly settings: string;
  readonly idem: string | null;
  /** The hash for the idempotency key, or for the id if there is no key. */
  readonly hash: string | null;
  readonly idemTtlMs: number | null;
  readonly uniq: string | null;
  readonly mode: UniqueMode | null;
  readonly ckey: string | null;
  readonly rkey: string | null;
  readonly tags: string | null;
  readonly options: string | null;
  readonly cells: readonly Cell[];
  readonly at: number;
  /** The files that it names. */
  readonly files: readonly string[];
}

/**
 * Submits jobs, all or none. Returns the answers that are not `created`. If a job names a file that
 * does not exist, nothing is written, so that the group goes on without a rollback.
 */
export function submit(
  ctx: WriteContext,
  { cells, bytes, files }: PackedJobs,
): Omit<SubmitAnswers, "createdAt"> {
  const unknown = files === undefined ? undefined : unknownFile(ctx, cells, files);
  if (unknown !== undefined) return { others: [], unknown };
  const others: OtherAnswer[] = [];
  const args = byteParts(bytes);
  const named = new Map(files);
  ctx.isChanged = true;
  for (let i = 0, at = 0; at < cells.length; i++, at += PACKED_CELLS) {
    const job = readSubmission(cells, at, named.get(i) ?? NO_FILES);
    const answer = submitOne(ctx, job, args[i] ?? new Uint8Array());
    if (answer !== undefined) others.push([i, answer]);
  }
  return { others };
}

/**
 * Returns the queue because of which jobs are refused: one that drains, of a job that would be made
 * or would replace another one. Changes nothing.
 */
export function refusedBy(ctx: WriteContext, { cells }: PackedJobs): string | undefined {
  if (!ctx.queues.hasDraining) return undefined;
  for (let at = 0; at < cells.length; at += PACKED_CELLS) {
    const it = readSubmission(cells, at, NO_FILES);
    if (ctx.queues.find(it.queue)?.draining !== 1) continue;
    if (findSame(ctx, it) !== undefined) continue;
    if (!isDropped(ctx, it)) return it.queue;
  }
  return undefined;
}

const NO_FILES: readonly string[] = [];

/** Returns the first file that does not exist, of the jobs that no earlier submission answers. */
function unknownFile(
  ctx: WriteContext,
  cells: readonly Cell[],
  files: NonNullable<PackedJobs["files"]>,
): SubmitAnswers["unknown"] {
  for (const [job, ids] of files) {
    const file = missingFile(ctx, ids);
    if (file < 0) continue;
    if (findSame(ctx, readSubmission(cells, job * PACKED_CELLS, ids)) !== undefined) continue;
    return { job, file, id: ids[file] ?? "" };
  }
  return undefined;
}

/** Returns true for a job that makes none, because another one has its unique key. */
function isDropped(ctx: WriteContext, { uniq, mode }: Submission): boolean {
  if (uniq === null) return false;
  const holder = ctx.statements.get<{ place: number }>(
    "select place from unique_key join job using (seq) where key = ?",
    uniq,
  );
  return holder !== undefined && (mode === "drop" || !isWaiting(holder.place));
}

function readSubmission(
  cells: readonly Cell[],
  at: number,
  files: readonly string[],
): Submission {
  return {
    id: cells[at] as string,
    queue: cells[at + 3] as string,
    pool: cells[at + 4] as string,
    startAt: cells[at + 7] as number | null,
    startInMs: cells[at + 8] as number | null,
    ttlMs: cells[at + 9] as number | null,
    settings: cells[at + 10] as string,
    idem: cells[at + 11] as string | null,
    hash: cells[at + 12] as string | null,
    idemTtlMs: cells[at + 13] as number | null,
    uniq: cells[at + 14] as string | null,
    mode: cells[at + 15] as UniqueMode | null,
    ckey: cells[at + 16] as string | null,
    rkey: cells[at + 17] as string | null,
    tags: cells[at + 18] as string | null,
    options: cells[at + 20] as string | null,
    cells,
    at,
    files,
  };
}

/** Returns the answer for the key, or the id, of an earlier submission. */
function findSame(ctx: WriteContext, { id, idem, hash }: Submission): SubmitAnswer | undefined {
  if (idem !== null) return findEarlier(ctx, idem, hash);
  return hash === null ? undefined : findOwner(ctx, id, hash);
}

function submitOne(
  ctx: WriteContext,
  it: Submission,
  args: Uint8Array,
): SubmitAnswer | undefined {
  const earlier = findSame(ctx, it);
  if (earlier !== undefined) return earlier;
  if (it.uniq !== null) {
    const other = giveWay(ctx, it, args);
    if (other !== undefined) {
      if (it.idem !== null) keepKey(ctx, it, other);
      return other;
    }
  }
  insert(ctx, it, args);
  return undefined;
}

function insert(ctx: WriteContext, it: Submission, args: Uint8Array): void {
  const { now } = ctx;
  const { id, queue, pool, settings, uniq, ckey, rkey, cells, at } = it;
  const runAt = it.startAt ?? (it.startInMs === null ? now : now + it.startInMs);
  const startBy = it.ttlMs === null ? null : now + it.ttlMs;
  const seq = ctx.nextSeq();
  const facts: JobFacts = {
    seq,
    id,
    place: PLACE.scheduled,
    attempt: 0,
    run: 0,
    max_attempts: 0,
    queue,
    pool,
    settings,
    uniq,
    ckey,
    rkey,
  };
  joinKeys(ctx, facts, true);
  const place = runAt > now ? PLACE.scheduled : admit(ctx, facts);
  const isInline = args.byteLength <= INLINE_BYTES;
  const { fair_by: fairBy } = ctx.queues.add(queue);
  const isRanked = fairBy !== null && place !== PLACE.scheduled;
  const row: Cell[] = [
    seq,
    id,
    cells[at + 1] ?? null,
    cells[at + 2] ?? null,
    queue,
    pool,
    place,
    cells[at + 5] ?? null,
    cells[at + 6] ?? null,
    now,
    runAt,
    startBy,
    settings,
    uniq,
    ckey,
    rkey,
    it.tags,
    cells[at + 19] ?? null,
    it.options,
    args.byteLength,
    isInline ? args : null,
  ];
  if (isRanked) {
    const lane = { queue, pool, priority: cells[at + 5] as number };
    row.push(newRank(ctx, fairBy, { lane, metadata: cells[at + 19] as string | null }));
  }
  ctx.statements.run(isRanked ? INSERT_RANKED : INSERT, ...row);
  if (!isInline) putArgs(ctx, seq, args);
  if (it.tags !== null) addTags(ctx, seq, it.tags);
  if (it.files.length > 0) nameFiles(ctx, seq, it.files);
  if (uniq !== null) {
    ctx.statements.run("insert into unique_key values (?, ?, ?)", uniq, seq, it.mode);
  }
  if (it.idem !== null) {
    keepKey(ctx, it, { id, state: stateOf(place), createdAt: now, runAt }, seq);
  }
  ctx.counters.add(queue, counted(place), 1);
  if (place === PLACE.scheduled) ctx.dueAt = Math.min(ctx.dueAt, runAt);
  if (startBy !== null) ctx.expiryAt = Math.min(ctx.expiryAt, startBy);
}

function putArgs(ctx: WriteContext, seq: number, args: Uint8Array): void {
  ctx.statements.run(
    "insert into job_args (seq, body) values (?, ?) " +
      "on conflict (seq) do update set body = excluded.body",
    seq,
    args,
  );
}

interface KeptKey {
  readonly hash: string;
  readonly expires_at: number;
  readonly id: string;
  readonly place: number;
  readonly created_at: number;
  readonly run_at: number;
}

function findEarlier(
  ctx: WriteContext,
  key: string,
  hash: string | null,
): SubmitAnswer | undefined {
  // Of a job that was removed, the row of the key has kept what an answer needs.
  const row = ctx.statements.get<KeptKey>(
    `select hash, expires_at, idempotency.id, coalesce(job.place, idempotency.place) as place,
      coalesce(job.created_at, idempotency.created_at) as created_at,
      coalesce(job.run_at, idempotency.run_at) as run_at
    from idempotency left join job on job.seq = idempotency.seq where key = ?`,
    key,
  );
  if (row === undefined || row.expires_at <= ctx.now) return undefined;
  return {
    answer: row.hash === hash ? "existing" : "conflict",
    id: row.id,
    state: stateOf(row.place),
    createdAt: row.created_at,
    runAt: row.run_at,
  };
}

interface Owner {
  readonly place: number;
  readonly created_at: number;
  readonly run_at: number;
  readonly settings: string;
}

/** Returns the answer for an id that the caller has chosen, and a job has. */
function findOwner(ctx: WriteContext, id: string, hash: string): SubmitAnswer | undefined {
  const row = ctx.statements.get<Owner>(
    "select place, created_at, run_at, settings from job where id = ?",
    id,
  );
  if (row === undefined) return undefined;
  return {
    answer: settingsOf(row.settings).idHash === hash ? "existing" : "conflict",
    id,
    state: stateOf(row.place),
    createdAt: row.created_at,
    runAt: row.run_at,
  };
}

function keepKey(
  ctx: WriteContext,
  it: Submission,
  job: Omit<SubmitAnswer, "answer">,
  seq = -1,
): void {
  const found = seq >= 0
    ? seq
    : ctx.statements.get<{ seq: number }>("select seq from job where id = ?", job.id)?.seq ?? 0;
  ctx.statements.run(
    `insert into idempotency (key, hash, expires_at, seq, id, place, created_at, run_at)
    values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (key) do update set hash = excluded.hash,
      expires_at = excluded.expires_at, seq = excluded.seq, id = excluded.id,
      place = excluded.place, created_at = excluded.created_at, run_at = excluded.run_at`,
    it.idem,
    it.hash,
    ctx.now + (it.idemTtlMs ?? 0),
    found,
    job.id,
    PLACE.ready,
    job.createdAt,
    job.runAt,
  );
}

interface KeyHolder extends JobFacts {
  readonly mode: UniqueMode;
  readonly created_at: number;
  readonly run_at: number;
}

/** Returns the answer for a job whose unique key another one holds; undefined if none does. */
function giveWay(ctx: WriteContext, it: Submission, args: Uint8Array): SubmitAnswer | undefined {
  const holder = ctx.statements.get<KeyHolder>(
    `select ${FACTS}, mode, created_at, run_at from unique_key join job using (seq)
    where key = ?`,
    it.uniq,
  );
  if (holder === undefined) return undefined;
  const { id, place, created_at: createdAt } = holder;
  if (it.mode === "drop" || !isWaiting(place)) {
    return {
      answer: "dropped",
      id,
      state: stateOf(place),
      createdAt,
      runAt: holder.run_at,
    };
  }
  const runAt = it.mode === "replace" ? holder.run_at : it.startAt ?? ctx.now + (it.startInMs ?? 0);
  let next = place;
  const isAvailable = counted(place) === PLACE.ready;
  if (it.pool !== holder.pool) takeRank(ctx, holder);
  if (it.mode === "debounce" || (isAvailable && it.pool !== holder.pool)) {
    leave(ctx, holder);
    const isLater = runAt > ctx.now && it.mode === "debounce";
    next = isLater ? PLACE.scheduled : admit(ctx, { ...holder, pool: it.pool });
    if (isLater) ctx.dueAt = Math.min(ctx.dueAt, runAt);
  }
  if (holder.run > 0) dropOutputs(ctx, holder.seq);
  replace(ctx, it, { seq: holder.seq, settings: holder.settings, place: next, runAt, args });
  if (counted(next) === PLACE.ready) {
    giveRank(ctx, { seq: holder.seq, queue: holder.queue, pool: it.pool });
  }
  if (next === PLACE.ready) ctx.noteReady(it.pool, holder.queue);
  moved(ctx, holder, next);
  return { answer: "replaced", id, state: stateOf(next), createdAt, runAt };
}

/** Gives a waiting job what belongs to a later one. It keeps its queue, its keys and its place. */
function replace(
  ctx: WriteContext,
  it: Submission,
  old: {
    readonly seq: number;
    readonly settings: string;
    readonly place: number;
    readonly runAt: number;
    readonly args: Uint8Array;
  },
): void {
  const { seq, args } = old;
  const { statements } = ctx;
  const { cells, at } = it;
  const isInline = args.byteLength <= INLINE_BYTES;
  const { retention } = settingsOf(it.settings);
  statements.run(
    "delete from job_tag where seq = ? and tag in (select value from job, json_each(job.tags) " +
      "where job.seq = ? and job.tags is not null)",
    seq,
    seq,
  );
  statements.run(
    `update job set place = ?, run_at = ?, kind = ?, name = ?, pool = ?,
      max_attempts = max(?, attempt + 1), settings = ?, tags = ?, metadata = ?, options = ?,
      args_bytes = ?, args = ? where seq = ?`,
    old.place,
    old.runAt,
    cells[at + 1] ?? null,
    cells[at + 2] ?? null,
    it.pool,
    cells[at + 6] ?? null,
    JSON.stringify({ ...settingsOf(old.settings), retention }),
    it.tags,
    cells[at + 19] ?? null,
    it.options,
    args.byteLength,
    isInline ? args : null,
    seq,
  );
  statements.run("update unique_key set mode = ? where key = ?", it.mode, it.uniq);
  if (it.tags !== null) addTags(ctx, seq, it.tags);
  releaseFiles(ctx, `[${seq}]`);
  if (it.files.length > 0) nameFiles(ctx, seq, it.files);
  if (isInline) statements.run("delete from job_args where seq = ?", seq);
  else putArgs(ctx, seq, args);
}

function addTags(ctx: WriteContext, seq: number, tags: string): void {
  ctx.statements.run(
    "insert into job_tag (tag, seq) select distinct value, ? from json_each(?)",
    seq,
    tags,
  );
}

/** Returns the error for ids that are in the store already; undefined if there are none. */
export function takenIds(ctx: WriteContext, { cells }: PackedJobs): Error | undefined {
  const issues: { path: string; message: string }[] = [];
  for (let i = 0, at = 0; at < cells.length; i++, at += PACKED_CELLS) {
    const { id, idem, hash } = readSubmission(cells, at, NO_FILES);
    // That of the caller is answered.
    if (idem === null && hash !== null) continue;
    if (ctx.statements.get("select 1 from job where id = ?", id) !== undefined) {
      const message = `given ${
        JSON.stringify(id)
      }, which another job has; allowed: an id of its own`;
      issues.push({ path: `jobs[${i}].id`, message });
    }
  }
  const [first] = issues;
  if (first === undefined) return undefined;
  return new InvalidInputError(`Cannot submit jobs: ${first.path}: ${first.message}`, issues);
}
