import { heldBy, PLACE } from "../schema/mod.ts";
import { placeAmong } from "./job_moves.ts";
import { columnOf, type LimitKey, nextRoomAt, roomOf } from "./keys/mod.ts";
import { IN_LIST, type WriteContext } from "./write_context.ts";

/**
 * The most held jobs that are looked at for one key in a group. More can only be there if jobs have
 * two keys; the next group goes on.
 */
const MAX_MOVED = 2_000;
/** The jobs that are read at once. */
const SLICE = 500;

/**
 * Lets held jobs through whose keys have got room. Each pool is given as many as may start, so that
 * a job whose pool has no slot keeps no other job of its key from starting; the claim counts.
 * Returns true if it let any through.
 */
export function releaseHeld(ctx: WriteContext): boolean {
  let hasReleased = false;
  for (let key = ctx.keys.takeFreed(); key !== undefined; key = ctx.keys.takeFreed()) {
    let left = MAX_MOVED;
    let isFull = false;
    for (let pool = nextPool(ctx, key, ""); pool !== undefined && left > 0;) {
      const lane = ctx.lanes.get(key, pool);
      lane.hasHeld = true;
      while (lane.hasHeld && left > 0) {
        const room = roomOf(key, ctx.now) - lane.ready;
        if (room <= 0) break;
        const limit = Math.min(room, left, SLICE);
        const { looked, released } = releaseSome(ctx, { key, pool, limit });
        lane.hasHeld = looked === limit;
        left -= looked;
        hasReleased ||= released > 0;
      }
      isFull ||= lane.hasHeld;
      pool = nextPool(ctx, key, pool);
    }
    setNextAt(ctx, key, { isFull, hasMore: left === 0 });
  }
  return hasReleased;
}

/** Sets the time at which the key is looked at again without an end. */
function setNextAt(
  ctx: WriteContext,
  key: LimitKey,
  { isFull, hasMore }: { readonly isFull: boolean; readonly hasMore: boolean },
): void {
  const at = key.kind === "rate" && isFull ? nextRoomAt(key, ctx.now) : undefined;
  key.next_at = hasMore ? ctx.now : at ?? null;
  if (key.next_at !== null) ctx.rateAt = Math.min(ctx.rateAt, key.next_at);
}

/** Returns the first pool behind `after` for which the key holds jobs. */
function nextPool(
  ctx: WriteContext,
  { kind, queue, key }: LimitKey,
  after: string,
): string | undefined {
  return ctx.statements.get<{ pool: string }>(
    `select pool from job where place = ${heldBy(kind)} and queue = ? and ${columnOf(kind)} = ?
      and pool > ? order by pool limit 1`,
    queue,
    key,
    after,
  )?.pool;
}

/** Lets the first jobs of a lane through, or hands them to their other key if that is full. */
function releaseSome(
  ctx: WriteContext,
  { key, pool, limit }: { readonly key: LimitKey; readonly pool: string; readonly limit: number },
): { readonly looked: number; readonly released: number } {
  const { kind, queue } = key;
  const otherKind = kind === "concurrency" ? "rate" : "concurrency";
  const rows = ctx.statements.cells(
    `select seq, ${columnOf(otherKind)} from job
    where place = ${heldBy(kind)} and queue = ? and ${columnOf(kind)} = ? and pool = ?
    order by priority desc, rank, seq limit ?`,
    queue,
    key.key,
    pool,
    limit,
  );
  const byPlace = new Map<number, number[]>();
  for (const [seq, other] of rows) {
    const keys = typeof other === "string" ? [key, ctx.keys.get(otherKind, queue, other)] : [key];
    const place = placeAmong(ctx, keys, pool);
    const seqs = byPlace.get(place) ?? [];
    if (seqs.length === 0) byPlace.set(place, seqs);
    seqs.push(seq as number);
  }
  for (const [place, seqs] of byPlace) {
    const list = `[${seqs.join(",")}]`;
    ctx.statements.run(`update job set place = ? where seq ${IN_LIST}`, place, list);
    ctx.isChanged = true;
  }
  const released = byPlace.get(PLACE.ready)?.length ?? 0;
  if (released > 0) ctx.noteReady(pool, queue);
  return { looked: rows.length, released };
}
