import assert from "node:assert/strict";
import { WorkerCap } from "../../src/host/live/mod.ts";
import type { CappedPool } from "../../src/host/live/worker_cap.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

/** A pool of the test, with a number of workers. */
class TestPool implements CappedPool {
  readonly limits = { min: 0, max: 4, spare: 0 };
  readonly workers = [];
  yielded = 0;
  reconsider: () => void = () => {};

  constructor(readonly name: string, readonly wanted: number) {}

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
