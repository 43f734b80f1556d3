import { PLACE } from "../schema/mod.ts";
import { type LimitKey, nextRoomAt, roomOf } from "./limit_keys.ts";
import type { WriteContext } from "./write_context.ts";

/** The most keys of the other kind that are looked at for one job, and the most pools of a key. */
const MAX_LANES = 256;

/**
 * Lets held jobs through whose keys have got room. Each pool is given as many as may start, so that
 * a job whose pool has no slot keeps no other job of its key from starting; the claim counts.
 * Returns true if it let any through.
 */
export function releaseHeld(ctx: WriteContext): boolean {
  let hasReleased = false;
  for (let key = ctx.keys.takeFreed(); key !== undefined; key = ctx.keys.takeFreed()) {
    if (roomOf(key, ctx.now) > 0) {
      let pool = nextPool(ctx, key, "");
      for (let i = 0; i < MAX_LANES && pool !== undefined; i++) {
        const lane = { key, pool };
        while (roomIn(ctx, lane) > 0 && releaseOne(ctx, lane)) hasReleased = true;
        pool = nextPool(ctx, key, pool);
      }
    }
    if (key.kind === "rate") setNextAt(ctx, key);
  }
  return hasReleased;
}

/** The jobs of a key in a pool. */
interface Lane {
  readonly key: LimitKey;
  readonly pool: string;
}

function columnOf({ kind }: Pick<LimitKey, "kind">): "ckey" | "rkey" {
  return kind === "concurrency" ? "ckey" : "rkey";
}

function nextPool(ctx: WriteContext, key: LimitKey, after: string): string | undefined {
  return ctx.statements.get<{ pool: string }>(
    `select pool from job where place = ${PLACE.held} and queue = ? and ${columnOf(key)} = ?
      and pool > ? order by pool limit 1`,
    key.queue,
    key.key,
    after,
  )?.pool;
}

/** Returns the number of further jobs that a pool may be given. */
function roomIn(ctx: WriteContext, { key, pool }: Lane): number {
  const room = roomOf(key, ctx.now);
  if (room <= 0) return 0;
  const ready = ctx.statements.get<{ jobs: number }>(
    `select count(*) as jobs from (select 1 from job where place = ${PLACE.ready} and queue = ?
      and ${columnOf(key)} = ? and pool = ? limit ?)`,
    key.queue,
    key.key,
    pool,
    room,
  );
  return room - (ready?.jobs ?? 0);
}

function setNextAt(ctx: WriteContext, key: LimitKey): void {
  const at = nextPool(ctx, key, "") === undefined ? undefined : nextRoomAt(key, ctx.now);
  key.next_at = at ?? null;
  if (at !== undefined) ctx.rateAt = Math.min(ctx.rateAt, at);
}

interface Head {
  readonly seq: number;
  readonly priority: number;
}

/** Lets the first job of a lane through whose other key has room too. */
function releaseOne(ctx: WriteContext, { key, pool }: Lane): boolean {
  const { queue, kind } = key;
  const own = columnOf(key);
  const otherKind = kind === "concurrency" ? "rate" : "concurrency";
  const other = columnOf({ kind: otherKind });
  const from = `from job where place = ${PLACE.held} and queue = ? and ${own} = ? and pool = ?`;
  const best = "order by priority desc, seq limit 1";
  const cells = [queue, key.key, pool];
  let first = ctx.statements.get<Head>(
    `select seq, priority ${from} and ${other} is null ${best}`,
    ...cells,
  );
  let lane = "";
  for (let i = 0; i < MAX_LANES; i++) {
    const next = ctx.statements.get<{ lane: string }>(
      `select ${other} as lane ${from} and ${other} > ? order by ${other} limit 1`,
      ...cells,
      lane,
    );
    if (next === undefined) break;
    lane = next.lane;
    const otherKey = ctx.keys.get(otherKind, queue, lane);
    if (roomIn(ctx, { key: otherKey, pool }) <= 0) {
      if (otherKind === "rate" && otherKey.next_at === null) setNextAt(ctx, otherKey);
      continue;
    }
    const head = ctx.statements.get<Head>(
      `select seq, priority ${from} and ${other} = ? ${best}`,
      ...cells,
      lane,
    );
    if (head !== undefined && (first === undefined || isBefore(head, first))) first = head;
  }
  if (first === undefined) return false;
  ctx.statements.run(`update job set place = ${PLACE.ready} where seq = ?`, first.seq);
  ctx.isChanged = true;
  ctx.noteReady(pool, queue);
  return true;
}

function isBefore(a: Head, b: Head): boolean {
  return a.priority === b.priority ? a.seq < b.seq : a.priority > b.priority;
}
