import { MAX_AHEAD } from "../../store/jobs/job_filter.ts";
import { allowedStarts, nextStartAt } from "../../store/jobs/gcra.ts";
import type { StoreWait } from "../../store/mod.ts";
import { isHeldBack, PLACE } from "../schema/mod.ts";
import { type LimitKey, roomOf } from "../writer/mod.ts";
import { concurrencyOf, QUEUE_COLUMNS, rateOf, type StoredQueue } from "../writer/mod.ts";
import type { Statements } from "../writer/mod.ts";

interface Waiting {
  readonly seq: number;
  readonly place: number;
  readonly priority: number;
  readonly queue: string;
  readonly pool: string;
  readonly rank: number;
  readonly run_at: number;
  readonly ckey: string | null;
  readonly rkey: string | null;
}

/** Returns the reason why a waiting job does not run; null if it does not wait. */
export function waitOf(statements: Statements, id: string, now: number): StoreWait | null {
  const job = statements.get<Waiting>(
    "select seq, place, priority, queue, pool, rank, run_at, ckey, rkey from job where id = ?",
    id,
  );
  if (job === undefined) return null;
  const { place, queue: name } = job;
  if (place === PLACE.scheduled || place === PLACE.retryable) {
    if (job.run_at > now) return { reason: "time", until: job.run_at };
  } else if (place !== PLACE.ready && !isHeldBack(place)) {
    return null;
  }
  const queue = statements.get<StoredQueue>(
    `select ${QUEUE_COLUMNS} from queue where name = ?`,
    name,
  );
  if (queue?.paused === 1) return { reason: "paused" };
  return queueLimit(statements, queue, now) ?? keyLimit(statements, job, now) ??
    { reason: "position", ahead: aheadOf(statements, job) };
}

function queueLimit(
  statements: Statements,
  queue: StoredQueue | undefined,
  now: number,
): StoreWait | undefined {
  if (queue === undefined) return undefined;
  const concurrency = concurrencyOf(queue);
  if (concurrency !== undefined) {
    const running = statements.get<{ jobs: number }>(
      "select jobs from counter where queue = ? and place = ?",
      queue.name,
      PLACE.running,
    );
    if ((running?.jobs ?? 0) >= concurrency) {
      return { reason: "limit", limit: "queue concurrency" };
    }
  }
  const rate = rateOf(queue);
  if (rate === undefined || allowedStarts(queue.tat, now, rate) > 0) return undefined;
  return { reason: "limit", limit: "queue rate", until: nextStartAt(queue.tat, now, rate) };
}

function keyLimit(statements: Statements, job: Waiting, now: number): StoreWait | undefined {
  const find = (kind: string, key: string | null): LimitKey | undefined =>
    key === null ? undefined : statements.get<LimitKey>(
      "select * from limit_key where kind = ? and queue = ? and key = ?",
      kind,
      job.queue,
      key,
    );
  const concurrency = find("concurrency", job.ckey);
  const rate = find("rate", job.rkey);
  // One that is held although its keys have room waits behind others of theirs.
  const isHeld = isHeldBack(job.place);
  const isFull = concurrency !== undefined && roomOf(concurrency, now) <= 0;
  const isLate = rate !== undefined && roomOf(rate, now) <= 0;
  if (concurrency !== undefined && (isFull || (isHeld && !isLate))) {
    return { reason: "limit", limit: "concurrency key", key: concurrency.key };
  }
  if (rate === undefined || !(isHeld || isLate)) return undefined;
  const until = nextStartAt(rate.tat, now, { limit: rate.cap, periodMs: rate.period });
  return { reason: "limit", limit: "rate key", key: rate.key, until };
}

function aheadOf(statements: Statements, { pool, queue, priority, rank, seq }: Waiting): number {
  const of = `from job where place = ${PLACE.ready} and pool = ? and queue = ?`;
  const row = statements.get<{ jobs: number }>(
    `select count(*) as jobs from (
      select * from (select 1 ${of} and priority > ? limit ${MAX_AHEAD})
      union all select * from (select 1 ${of} and priority = ?
        and (rank, seq) < (?, ?) limit ${MAX_AHEAD})
    )`,
    pool,
    queue,
    priority,
    pool,
    queue,
    priority,
    rank,
    seq,
  );
  return Math.min(row?.jobs ?? 0, MAX_AHEAD);
}
