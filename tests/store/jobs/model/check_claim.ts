import assert from "node:assert/strict";
import type { Claim } from "../../../../src/store/mod.ts";
import type { JobModel } from "./job_model.ts";
import type { ModelJob } from "./model_job.ts";

/** The part of a start by which a rate may be off, since sums are rounded. */
const ROUNDING = 0.02;

/** The starts of each rate key, as a bucket that leaks. It is never forgotten. */
export class ModelRates {
  readonly #model: JobModel;
  /** The time that it takes to pay for all starts. */
  readonly #debts = new Map<string, { ms: number; at: number }>();

  constructor(model: JobModel) {
    this.#model = model;
  }

  /** Returns the starts that a job's rate allows. Not a whole number. */
  room(job: ModelJob): number {
    const { limit = Infinity, periodMs = 1 } = this.#model.limitOf(job, "rate") ?? {};
    return limit === Infinity ? limit : (periodMs - this.#debt(job).ms) * limit / periodMs;
  }

  started(job: ModelJob): void {
    const { limit = Infinity, periodMs = 1 } = this.#model.limitOf(job, "rate") ?? {};
    this.#debt(job).ms += periodMs / limit;
  }

  #debt({ queue, rateKey }: ModelJob): { ms: number; at: number } {
    const { now } = this.#model;
    const name = `${queue} ${rateKey}`;
    const debt = this.#debts.get(name) ?? { ms: 0, at: now };
    this.#debts.set(name, debt);
    debt.ms = Math.max(0, debt.ms - (now - debt.at));
    debt.at = now;
    return debt;
  }
}

/**
 * Judges the jobs that a claim has taken: each may run, none goes before one that a claim must
 * prefer, and a slot is left empty only if no job may take it. Notes their starts.
 */
export function checkClaim(
  model: JobModel,
  rates: ModelRates,
  claim: {
    readonly pools: readonly { readonly pool: string; readonly slots: number }[];
    readonly holder: string;
    readonly leaseMs: number;
    readonly claims: readonly Claim[];
  },
): void {
  const { pools, holder, leaseMs, claims } = claim;
  assert.equal(new Set(claims.map(({ job }) => job.id)).size, claims.length);
  for (const { pool, slots } of pools) {
    const taken = claims.filter(({ job }) => job.pool === pool);
    assert.ok(taken.length <= slots, "no more jobs than slots");
    for (const [i, { token, job: { id } }] of taken.entries()) {
      const job = model.get(id);
      assert.ok(job, "a job that exists");
      assert.equal(obstacleOf(model, rates, job, ROUNDING), undefined, `${id} may start`);
      // Keys may change the order of their jobs, so it is only sure for jobs without.
      for (const other of model.jobs) {
        if (other.pool !== pool || other === job || !goesBefore(model, other, job)) continue;
        if (other.concurrencyKey !== undefined || other.rateKey !== undefined) continue;
        assert.ok(obstacleOf(model, rates, other, 0), `${other.id} goes before ${id}`);
      }
      const next = model.get(taken[i + 1]?.job.id ?? "");
      if (next) {
        const isRight = !goesBefore(model, next, job) || hasKey(job) || hasKey(next);
        assert.ok(isRight, "in order");
      }
      rates.started(job);
      model.start(id, { token, holder, leaseMs });
    }
  }
  const left = new Map(pools.map(({ pool, slots }) => [
    pool,
    slots - claims.filter(({ job }) => job.pool === pool).length,
  ]));
  for (const job of model.jobs) {
    if ((left.get(job.pool) ?? 0) === 0) continue;
    assert.ok(obstacleOf(model, rates, job, -ROUNDING), `${job.id} should have been taken`);
  }
}

/** Returns true if a job must go before another one. Turns decide within a queue only. */
function goesBefore(model: JobModel, a: ModelJob, b: ModelJob): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.queue === b.queue) return a.rank < b.rank || (a.rank === b.rank && a.seq < b.seq);
  const isFair = [a, b].some(({ queue }) => model.queues.get(queue)?.isFair);
  return !isFair && a.seq < b.seq;
}

function hasKey({ concurrencyKey, rateKey }: ModelJob): boolean {
  return concurrencyKey !== undefined || rateKey !== undefined;
}

/** Returns the reason why a job may not start; undefined if it may. */
function obstacleOf(
  model: JobModel,
  rates: ModelRates,
  job: ModelJob,
  rounding: number,
): string | undefined {
  if (!["available", "scheduled", "retryable"].includes(job.state)) return job.state;
  if (job.state !== "available" && job.runAt > model.now) return "time";
  if (model.isExpired(job)) return "expired";
  const queue = model.queues.get(job.queue);
  if (queue?.paused) return "paused";
  const running = model.running().filter((it) => it.queue === job.queue);
  if (running.length >= (queue?.concurrency ?? Infinity)) return "queue concurrency";
  const key = job.concurrencyKey;
  if (key !== undefined) {
    const same = running.filter((it) => it.concurrencyKey === key);
    if (same.length >= (model.limitOf(job, "concurrency")?.limit ?? 0)) return "concurrency key";
  }
  return rates.room(job) + rounding < 1 ? "rate key" : undefined;
}
