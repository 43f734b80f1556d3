import assert from "node:assert/strict";
import { WorkerCap } from "../../src/host/live/mod.ts";
import type { CappedPool } from "../../src/host/live/worker_cap.ts";
import type { Worker } from "../../src/pool/workers/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

/** A pool of the test, with a number of workers. */
class TestPool implements CappedPool {
  readonly limits: CappedPool["limits"];
  readonly workers: CappedPool["workers"];
  yielded = 0;
  reconsider: () => void = () => {};

  constructor(readonly name: string, readonly wanted: number, { min = 0, rssBytes = 0 } = {}) {
    this.limits = { min, max: 4, spare: 0 };
    this.workers = Array.from({ length: wanted }, () => ({ rssBytes }) as Worker);
  }

  get occupied(): number {
    return this.wanted;
  }

  yieldWorker(): boolean {
    this.yielded++;
    return true;
  }
}

Deno.test("WorkerCap takes a worker from a pool only for one that still wants it", () => {
  const clock = new FakeClock();
  const [rich, poor] = [new TestPool("rich", 4), new TestPool("poor", 0)];
  using cap = new WorkerCap({
    limits: () => ({ maxWorkers: 4 }),
    pools: () => [rich, poor],
    clock,
  });
  assert.equal(cap.mayStart(poor), false);
  // The calls that have waited for a worker are cancelled.
  clock.advance(1_000);
  assert.equal(rich.yielded, 0);
  poor.reconsider = () => void cap.mayStart(poor);
  poor.reconsider();
  clock.advance(10);
  assert.equal(rich.yielded, 1);
});

Deno.test("WorkerCap.room() returns how many workers a pool may start, and never more than that", () => {
  const roomOf = (
    limits: { readonly maxWorkers?: number; readonly maxWorkerMemoryBytes?: number },
    pool: TestPool,
    ...others: readonly TestPool[]
  ): number => {
    const pools = [pool, ...others];
    using cap = new WorkerCap({ limits: () => limits, pools: () => pools, clock: new FakeClock() });
    return cap.of(() => pool).room?.() ?? NaN;
  };
  const at = (wanted: number, options = {}): TestPool => new TestPool("p", wanted, options);
  assert.equal(roomOf({}, at(1), at(2)), Infinity);
  assert.equal(roomOf({ maxWorkers: 10 }, at(1), at(2)), 7);
  assert.equal(roomOf({ maxWorkers: 4 }, at(1), at(2)), 1);
  // Other pools keep room for their min.
  assert.equal(roomOf({ maxWorkers: 4 }, at(1), at(0, { min: 3 })), 0);
  // One above its share gives up workers for one below it, and only for that.
  assert.equal(roomOf({ maxWorkers: 4 }, at(0), at(4)), 2);
  assert.equal(roomOf({ maxWorkers: 4 }, at(1), at(3)), 1);
  assert.equal(roomOf({ maxWorkers: 4 }, at(2), at(2)), 0);
  assert.equal(roomOf({ maxWorkers: 4 }, at(3), at(1)), 0);
  // A worker that starts will be like the others.
  const heavy = { rssBytes: 100 };
  assert.equal(roomOf({ maxWorkerMemoryBytes: 450 }, at(1, heavy), at(1, heavy)), 2);
  assert.equal(roomOf({ maxWorkerMemoryBytes: 250, maxWorkers: 9 }, at(1, heavy), at(1, heavy)), 0);
  assert.equal(roomOf({ maxWorkerMemoryBytes: 900, maxWorkers: 3 }, at(1, heavy), at(1, heavy)), 1);
  assert.equal(roomOf({ maxWorkerMemoryBytes: 900 }, at(0), at(0)), Infinity);
});
