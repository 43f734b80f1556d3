import type { ClaimOp, PackedClaims } from "../messages/mod.ts";
import { cellAt, JOB_CELLS, PLACE } from "../schema/mod.ts";
import { newNonces } from "../../store/jobs/claim_token.ts";
import { allowedStarts, nextStartAt, tatAfter } from "../../store/jobs/gcra.ts";
import { startWithKeys } from "./job_moves.ts";
import { checkpointsOf } from "./outputs/mod.ts";
import { releaseHeld } from "./release.ts";
import { concurrencyOf, rateOf } from "./queues/mod.ts";
import type { Cell } from "./statements.ts";
import { IN_LIST, type WriteContext } from "./write_context.ts";

const SEQ = cellAt("seq");
const QUEUE = cellAt("queue");
const UNIQ = cellAt("uniq");
const RUN = cellAt("run");
const ARGS_BYTES = cellAt("args_bytes");
/** The arguments follow the cells. */
const ARGS = JOB_CELLS.length;

const FROM_READY = `from job where pool = ? and queue = ? and place = ${PLACE.ready}
  order by priority desc, rank, seq limit ?`;
const READY = `select seq, priority, ckey, rkey ${FROM_READY}`;
/** Of a queue that is shared by a key. */
const RANKED = `select seq, priority, ckey, rkey, rank ${FROM_READY}`;
const START =
  `update job set place = ${PLACE.running}, run = run + 1, attempt = attempt + 1, progress = null
  where seq ${IN_LIST} returning ${JOB_CELLS.join(", ")}, args`;
const HOLD = `insert into running (seq, nonce, lease_until, started_at, cancelling, holder)
  select key, value, ?, ?, 0, ? from json_each(?)`;

interface Candidate {
  readonly seq: number;
  readonly priority: number;
  readonly queue: string;
  readonly ckey: string | null;
  readonly rkey: string | null;
  /** Above 0 in a queue that is shared by a key. */
  readonly rank: number;
}

/** Hands out jobs, and remembers the nonces that prove the claims. */
export class Claims {
  readonly #ctx: WriteContext;

  constructor(ctx: WriteContext) {
    this.#ctx = ctx;
  }

  /** Takes jobs to run; null if there are none. */
  take(ask: ClaimOp): PackedClaims | null {
    const rows: Cell[][] = [];
    const nonces: string[] = [];
    const { now } = this.#ctx;
    const leaseUntil = now + ask.leaseMs;
    for (const { pool, slots } of ask.pools) {
      let left = slots;
      while (left > 0) {
        const found = this.#find(pool, left);
        const chosen = found.filter((it) => startWithKeys(this.#ctx, it, pool));
        const run = { pool, holder: ask.holder, leaseUntil, nonces };
        for (const row of this.#startAll(chosen, run)) {
          rows.push(row);
        }
        left -= chosen.length;
        // Those that are held again have left the index, so that others come to the front.
        if (chosen.length === found.length) break;
        releaseHeld(this.#ctx);
      }
    }
    return rows.length === 0 ? null : {
      rows,
      nonces,
      holder: ask.holder,
      startedAt: now,
      leaseUntil,
      ...this.#checkpoints(rows),
    };
  }

  /** Returns the checkpoints of jobs that have run before. */
  #checkpoints(rows: readonly Cell[][]): Pick<PackedClaims, "checkpoints"> {
    let seqs: number[] | undefined;
    for (const row of rows) {
      if ((row[RUN] as number) > 1) (seqs ??= []).push(row[SEQ] as number);
    }
    if (seqs === undefined) return {};
    const bySeq = checkpointsOf(this.#ctx, seqs);
    if (bySeq.size === 0) return {};
    const checkpoints = new Map<number, string>();
    for (const [i, row] of rows.entries()) {
      const checkpoint = bySeq.get(row[SEQ] as number);
      if (checkpoint !== undefined) checkpoints.set(i, checkpoint);
    }
    return { checkpoints };
  }

  /** Starts jobs. Returns their rows in the same order, and adds their nonces. */
  #startAll(
    chosen: readonly Candidate[],
    { pool, holder, leaseUntil, nonces }: {
      readonly pool: string;
      readonly holder: string;
      readonly leaseUntil: number;
      readonly nonces: string[];
    },
  ): Cell[][] {
    if (chosen.length === 0) return [];
    const { statements, now } = this.#ctx;
    const list = `[${chosen.map((it) => it.seq).join(",")}]`;
    const started = statements.cells(START, list);
    const own = newNonces(chosen.length);
    nonces.push(...own);
    const pairs = `{${chosen.map(({ seq }, i) => `"${seq}":"${own[i]}"`).join(",")}}`;
    statements.run(HOLD, leaseUntil, now, holder, pairs);
    this.#ctx.isChanged = true;
    this.#payQueues(chosen);
    for (const { queue, priority, rank } of chosen) {
      if (rank > 0) this.#ctx.fair.started({ queue, pool, priority }, rank);
    }
    const bySeq = new Map(started.map((row) => [row[SEQ], row]));
    return chosen.map(({ seq }) => {
      const row = bySeq.get(seq);
      if (row === undefined) throw new Error(`the job ${seq} is in an index and not in the table`);
      this.#start(row);
      return row;
    });
  }

  #start(row: Cell[]): void {
    const { counters, statements } = this.#ctx;
    counters.move(row[QUEUE] as string, PLACE.ready, PLACE.running);
    if (typeof row[UNIQ] === "string") {
      // A job of mode drop keeps its key while it runs.
      statements.run(
        "delete from unique_key where key = ? and seq = ? and mode <> 'drop'",
        row[UNIQ],
        row[SEQ] as number,
      );
    }
    if ((row[ARGS_BYTES] as number) > 0 && row[ARGS] === null) {
      const found = statements.get<{ body: Uint8Array }>(
        "select body from job_args where seq = ?",
        row[SEQ] as number,
      );
      row[ARGS] = found?.body ?? null;
    }
  }

  /** Chooses jobs of a pool: by priority, then by `seq`, within the limits of their queues. */
  #find(pool: string, slots: number): Candidate[] {
    const ctx = this.#ctx;
    const found: Candidate[] = [];
    let isFair = false;
    const queues = [...ctx.readyQueues(pool)];
    for (const queue of queues) {
      const room = this.#roomOf(queue, slots);
      if (room <= 0) continue;
      const isRanked = (ctx.queues.find(queue)?.fair_by ?? null) !== null;
      isFair ||= isRanked;
      const rows = ctx.statements.cells(isRanked ? RANKED : READY, pool, queue, room);
      for (const [seq, priority, ckey, rkey, rank] of rows) {
        found.push({
          seq: seq as number,
          priority: priority as number,
          queue,
          ckey: ckey as string | null,
          rkey: rkey as string | null,
          rank: isRanked ? rank as number : 0,
        });
      }
      if (rows.length === 0) ctx.noteEmpty(pool, queue);
    }
    if (queues.length > 1) {
      if (isFair) return merged(found, slots);
      found.sort(byPlace);
    }
    return found.slice(0, slots);
  }

  #roomOf(name: string, slots: number): number {
    const { queues, counters, now } = this.#ctx;
    const queue = queues.find(name);
    if (queue === undefined) return slots;
    if (queue.paused === 1) return 0;
    const concurrency = concurrencyOf(queue);
    const rate = rateOf(queue);
    let room = slots;
    if (concurrency !== undefined) room = Math.min(room, concurrency - counters.running(name));
    if (rate !== undefined && room > 0) {
      const allowed = allowedStarts(queue.tat, now, rate);
      if (allowed === 0) {
        this.#ctx.queueRateAt = Math.min(this.#ctx.queueRateAt, nextStartAt(queue.tat, now, rate));
      }
      room = Math.min(room, allowed);
    }
    return room;
  }

  #payQueues(chosen: readonly Candidate[]): void {
    const { queues, now } = this.#ctx;
    for (const [name, jobs] of Map.groupBy(chosen, (it) => it.queue)) {
      const queue = queues.find(name);
      const rate = queue && rateOf(queue);
      if (queue === undefined || rate === undefined) continue;
      queues.setTat(queue, tatAfter(queue.tat, now, { ...rate, count: jobs.length }));
    }
  }
}

function byPlace(a: Candidate, b: Candidate): number {
  return b.priority - a.priority || a.seq - b.seq;
}

/**
 * Returns the first candidates of several queues. Each queue has its own order; between queues, the
 * first job of each decides.
 */
function merged(found: readonly Candidate[], slots: number): Candidate[] {
  const heads = [...Map.groupBy(found, (it) => it.queue).values()].map((jobs) => jobs.values());
  const next = heads.map((it) => it.next().value);
  const chosen: Candidate[] = [];
  while (chosen.length < slots) {
    let best = -1;
    for (const [i, job] of next.entries()) {
      const other = next[best];
      if (job !== undefined && (other === undefined || byPlace(job, other) < 0)) best = i;
    }
    const job = next[best];
    if (job === undefined) break;
    chosen.push(job);
    next[best] = heads[best]?.next().value;
  }
  return chosen;
}
