import type { SubmitAnswer } from "../../../store/mod.ts";
import { byteParts } from "../../messages/mod.ts";
import type { OtherAnswer, PackedJobs, SubmitAnswers } from "../../messages/mod.ts";
import { PLACE, stateOf } from "../../schema/mod.ts";
import { nameFiles } from "../files/mod.ts";
import { admit, counted, type JobFacts, joinKeys } from "../job_moves.ts";
import { newRank } from "../ranks.ts";
import type { WriteContext } from "../write_context.ts";
import { findSame, keepKey } from "./earlier.ts";
import { addTags, INLINE_BYTES, putArgs } from "./job_parts.ts";
import { JobRows } from "./job_rows.ts";
import { unknownFile } from "./refusals.ts";
import { giveWay } from "./replacement.ts";
import { NO_FILES, PACKED_CELLS, readSubmission, type Submission } from "./submission.ts";

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
  const rows = new JobRows(ctx.statements);
  ctx.isChanged = true;
  for (let i = 0, at = 0; at < cells.length; i++, at += PACKED_CELLS) {
    const job = readSubmission(cells, at, named.get(i) ?? NO_FILES);
    const answer = submitOne(ctx, job, { args: args[i] ?? new Uint8Array(), rows });
    if (answer !== undefined) others.push([i, answer]);
  }
  rows.flush();
  return { others };
}

/** The arguments of a job, and the rows among which it is inserted. */
interface Insertion {
  readonly args: Uint8Array;
  readonly rows: JobRows;
}

function submitOne(
  ctx: WriteContext,
  it: Submission,
  { args, rows }: Insertion,
): SubmitAnswer | undefined {
  // An earlier one of this submission may be what is looked for.
  if (it.idem !== null || it.hash !== null || it.uniq !== null) rows.flush();
  const earlier = findSame(ctx, it);
  if (earlier !== undefined) return earlier;
  if (it.uniq !== null) {
    const other = giveWay(ctx, it, args);
    if (other !== undefined) {
      if (it.idem !== null) keepKey(ctx, it, other);
      return other;
    }
  }
  insert(ctx, it, { args, rows });
  return undefined;
}

function insert(ctx: WriteContext, it: Submission, { args, rows }: Insertion): void {
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
  const priority = cells[at + 5] as number;
  const metadata = cells[at + 19] as string | null;
  rows.add({
    seq,
    id,
    kind: cells[at + 1] ?? null,
    name: cells[at + 2] ?? null,
    queue,
    pool,
    place,
    priority,
    max_attempts: cells[at + 6] ?? null,
    created_at: now,
    run_at: runAt,
    start_by: startBy,
    settings,
    uniq,
    ckey,
    rkey,
    tags: it.tags,
    metadata,
    options: it.options,
    args_bytes: args.byteLength,
    args: isInline ? args : null,
    ...(isRanked && { rank: newRank(ctx, fairBy, { lane: { queue, pool, priority }, metadata }) }),
  });
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
