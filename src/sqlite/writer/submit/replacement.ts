import type { SubmitAnswer, UniqueMode } from "../../../store/mod.ts";
import { PLACE, stateOf } from "../../schema/mod.ts";
import { nameFiles, releaseFiles } from "../files/mod.ts";
import {
  admit,
  counted,
  FACTS,
  isWaiting,
  type JobFacts,
  leave,
  moved,
  settingsOf,
} from "../job_moves.ts";
import { dropOutputs } from "../outputs/mod.ts";
import { giveRank, takeRank } from "../ranks.ts";
import type { WriteContext } from "../write_context.ts";
import { addTags, INLINE_BYTES, putArgs } from "./job_parts.ts";
import type { Submission } from "./submission.ts";

interface KeyHolder extends JobFacts {
  readonly mode: UniqueMode;
  readonly created_at: number;
  readonly run_at: number;
}

/** Returns the answer for a job whose unique key another one holds; undefined if none does. */
export function giveWay(
  ctx: WriteContext,
  it: Submission,
  args: Uint8Array,
): SubmitAnswer | undefined {
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
