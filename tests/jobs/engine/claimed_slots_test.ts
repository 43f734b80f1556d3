/** Claims for pools whose workers are not all there, or run several calls. */
import assert from "node:assert/strict";
import { PoolScheduler } from "../../../src/jobs/engine/pool_scheduler.ts";
import type { Call } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../../fixtures/until.ts";

/** Returns the number of jobs that a scheduler asks for now; 0 if it asks for none. */
async function slotsFor({ pool }: FakePool): Promise<number> {
  const asked: number[] = [];
  const scheduler = new PoolScheduler({
    pool,
    store: {
      claim: ({ pools: [own], signal }) => {
        asked.push(own?.slots ?? NaN);
        return new Promise((_, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason), { once: true })
        );
      },
    },
    holder: "here",
    leaseMs: 15_000,
    // Nobody is starved, since no time passes.
    clock: new FakeClock(),
    admit: () => assert.fail("no job was claimed"),
    start: () => {},
  });
  scheduler.start();
  await microtasks();
  await scheduler.close();
  assert.ok(asked.length <= 1, `${asked.length} claims at a time`);
  return asked[0] ?? 0;
}

async function poolOf(
  options: FakePoolOptions,
  deps: ConstructorParameters<typeof FakePool>[2] = {},
): Promise<FakePool> {
  return await FakePool.start({ pipelineBudgetMs: 0, ...options }, {}, deps);
}

/** Keeps places of a pool busy. */
async function hold(it: FakePool, count: number): Promise<Call[]> {
  const calls = Array.from({ length: count }, () => it.submit("hold"));
  await until(() => calls.every(({ state }) => state === "running"), "the calls run");
  return calls;
}

Deno.test("PoolScheduler claims for the workers of an elastic pool that are idle or may be started", async () => {
  let room = Infinity;
  const cap = { mayStart: () => room > 0, room: () => room };
  await using it = await poolOf({ size: 4, min: 0 }, { cap });
  assert.equal(await slotsFor(it), 4);
  const [call] = await hold(it, 1);
  assert.ok(call !== undefined);
  assert.deepEqual([it.pool.wanted, await slotsFor(it)], [1, 3]);
  room = 1;
  assert.equal(await slotsFor(it), 1);
  room = 0;
  assert.equal(await slotsFor(it), 0);
  it.workerRunning(call).answer();
  await call.outcome;
  assert.equal(await slotsFor(it), 1);
  room = 2;
  assert.equal(await slotsFor(it), 3);
  it.pool.pause();
  assert.equal(await slotsFor(it), 0);
});

Deno.test("PoolScheduler claims for workers on their way, except those that calls wait for", async () => {
  await using it = await poolOf({ size: 4, min: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const call = it.submit("hold");
  await until(() => it.launcher.starting === 1, "its worker starts");
  // Jobs need not wait for it, since they have workers of their own.
  assert.equal(await slotsFor(it), 3);
  const ahead = it.pool.startAhead(2);
  assert.equal(await slotsFor(it), 3);
  resolve();
  await ahead;
  await until(() => call.state === "running", "the call runs");
  assert.deepEqual([it.pool.wanted, await slotsFor(it)], [3, 3]);
});

Deno.test("PoolScheduler claims for each free place of workers that run several calls", async () => {
  const thread = { profile: "thread", threadsPerWorker: 10 } as const;
  await using threads = await poolOf({ size: 2, ...thread });
  assert.equal(await slotsFor(threads), 20);
  await hold(threads, 5);
  assert.equal(await slotsFor(threads), 15);
  await hold(threads, 15);
  assert.equal(await slotsFor(threads), 0);
  await using tasks = await poolOf({ size: 1, profile: "async", concurrencyPerWorker: 50 });
  assert.equal(await slotsFor(tasks), 50);
  await hold(tasks, 49);
  assert.equal(await slotsFor(tasks), 1);
  await using elastic = await poolOf({ size: 3, min: 0, ...thread });
  assert.equal(await slotsFor(elastic), 30);
  await hold(elastic, 4);
  assert.deepEqual([elastic.pool.wanted, await slotsFor(elastic)], [1, 26]);
});

Deno.test("PoolScheduler claims for idle workers while a call waits for a busy one alone", async () => {
  await using it = await poolOf({ size: 2, affinity: "strict_queue" });
  const bound = it.submit("hold", { sessionId: "s" });
  await until(() => bound.state === "running", "the session has its worker");
  const waiting = it.submit("hold", { sessionId: "s" });
  assert.deepEqual([waiting.state, await slotsFor(it)], ["queued", 1]);
});
