import assert from "node:assert/strict";
import { endOf, FakePool, type FakePoolOptions } from "../../../fixtures/fakes/fake_pool.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { microtasks, until } from "../../../fixtures/until.ts";

/** The options of a pool of 0 to `max` workers. */
function elastic(max: number, options: FakePoolOptions = {}): FakePoolOptions {
  return { size: max, min: 0, ...options };
}

Deno.test("Pool with min 0 is ready without a worker, and starts none until a call comes", async () => {
  await using it = await FakePool.start(elastic(4));
  assert.deepStrictEqual([it.pool.state, it.launcher.launches], ["ready", 0]);
  assert.equal(it.pool.isAtRest, true);
  await it.pool.whenReady();
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.deepStrictEqual([it.launcher.launches, it.pool.isAtRest], [1, false]);
});

Deno.test("Pool creates one worker for three sequential calls, and uses it again", async () => {
  await using it = await FakePool.start(elastic(4));
  for (let i = 0; i < 3; i++) assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.launcher.launches, 1);
  assert.equal(it.pool.stats.restarts, 0);
});

Deno.test("Pool gives 50 parallel calls 50 workers, and never more than startConcurrency start at a time", async () => {
  await using it = await FakePool.start(elastic(50, { startConcurrency: 4 }));
  const calls = Array.from({ length: 50 }, () => it.submit("hold"));
  await until(() => it.launcher.alive.filter((worker) => worker.running).length === 50, "all run");
  assert.equal(it.launcher.launches, 50);
  assert.ok(it.launcher.mostStarting <= 4, `${it.launcher.mostStarting} started at a time`);
  const late = it.submit("hold");
  await microtasks();
  assert.deepStrictEqual([late.state, it.launcher.launches], ["queued", 50]);
  for (const worker of it.launcher.alive) worker.answer();
  await Promise.all(calls.map(endOf));
});

Deno.test("Pool starts no second worker for calls that the first will have run by then, until they have waited for as long as a start takes", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start(
    elastic(4, { pipelineBudgetMs: 0 }),
    { runMs: 1 },
    { clock },
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const first = it.submit("hold");
  await until(() => it.launcher.starting === 1, "the first one starts");
  clock.advance(500);
  resolve();
  (await until(() => it.launcher.alive.find(({ running }) => running), "it runs")).answer();
  assert.equal(await endOf(first), "ok p-1");
  // A start takes 500 ms, and a call 1 ms.
  it.submit("hold");
  const waiting = it.submit("hold");
  await microtasks();
  assert.deepStrictEqual([waiting.state, it.pool.wanted], ["queued", 1]);
  clock.advance(490);
  await microtasks();
  assert.equal(it.pool.wanted, 1);
  clock.advance(20);
  await until(() => waiting.state === "running", "another worker has it");
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool starts no second worker of several calls while the first has a place free sooner than a start takes", async () => {
  const clock = new FakeClock();
  const places = 10;
  const options = { profile: "thread", threadsPerWorker: places, pipelineBudgetMs: 0 } as const;
  await using it = await FakePool.start(elastic(4, options), { runMs: 100 }, { clock });
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const first = it.submit("hold");
  await until(() => it.launcher.starting === 1, "the first one starts");
  clock.advance(500);
  resolve();
  (await until(() => it.launcher.alive.find(({ running }) => running), "it runs")).answer();
  assert.equal(await endOf(first), "ok p-1");
  // A start takes 500 ms, and each call 100 ms: all of them together would take 1,000 ms.
  for (let i = 0; i < places; i++) it.submit("hold");
  const waiting = it.submit("hold");
  await microtasks();
  assert.deepStrictEqual([waiting.state, it.pool.wanted], ["queued", 1]);
  // What the first one begins in half a second is another matter.
  for (let i = 0; i < 5 * places; i++) it.submit("hold");
  await microtasks();
  assert.equal(it.pool.wanted, 2);
});

Deno.test("Pool starts one more worker each time that the queue has waited for scaleUpAfterMs", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start(elastic(4, { scaleUpAfterMs: 200 }), {}, { clock });
  const calls = Array.from({ length: 4 }, () => it.submit("hold"));
  for (let workers = 1; workers <= 4; workers++) {
    await until(() => calls.filter(({ state }) => state === "running").length === workers, "runs");
    assert.equal(it.launcher.launches, workers);
    clock.advance(180);
    await microtasks();
    assert.equal(it.pool.wanted, workers);
    clock.advance(20);
  }
});

Deno.test("Pool starts its min workers in any case, and its spare ones only as a cap allows", async () => {
  let room = 1;
  const cap = { mayStart: () => room-- > 0 };
  await using it = await FakePool.start({ size: 8, min: 1, spare: 4 }, {}, { cap });
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool.room, whenBusy and start-ahead count the workers that a cap leaves, and no more", async () => {
  let room = 2;
  const cap = { mayStart: () => room-- > 0, room: () => room };
  await using it = await FakePool.start(elastic(4, { whenBusy: "fail" }), {}, { cap });
  assert.equal(it.pool.room.startable, 2);
  room = 9;
  assert.equal(it.pool.room.startable, 4);
  room = 2;
  // Two calls have workers to come; the third one would have none.
  const calls = [it.submit("hold"), it.submit("hold")];
  assert.throws(() => it.submit("hold"), { code: "pool_saturated" });
  await until(() => calls.every(({ state }) => state === "running"), "both run");
  assert.equal(it.launcher.launches, 2);
  room = 1;
  assert.deepEqual((await it.pool.startAhead(3)).length, 1);
  assert.equal(it.launcher.launches, 3);
  room = 0;
  assert.deepEqual(await it.pool.startAhead(-1), []);
});

Deno.test("Pool.resize() starts missing workers and ends excess ones, and the last of two wins", async () => {
  await using it = await FakePool.start({ size: 2 });
  assert.deepStrictEqual(it.pool.resize({ size: 5 }), { min: 5, max: 5, spare: 0 });
  assert.deepStrictEqual(it.pool.resize({ size: 4 }), { min: 4, max: 4, spare: 0 });
  await until(() => it.pool.serving.length === 4, "four serve");
  const held = it.submit("hold");
  it.pool.resize({ size: 1 });
  await until(() => it.launcher.alive.length === 1, "one is left");
  assert.equal(it.workerRunning(held).running?.tool, "hold");
  it.workerRunning(held).answer();
  assert.match(await endOf(held), /^ok/);
});

Deno.test("Pool.resize() refuses 0 and 10,000, min over max and spare over max, naming field and limit", async () => {
  await using it = await FakePool.start({ size: 2 });
  const refusals = [
    [{ size: 0 }, "size: given 0; allowed: a whole number from 1 to 256"],
    [{ max: 0 }, "max: given 0; allowed: a whole number from 1 to 256"],
    [{ size: 10_000 }, "size: given 10000; allowed: a whole number from 1 to 256"],
    [{ min: 3 }, "min: given 3; allowed: at most max, 2"],
    [{ max: 1 }, "max: given 1; allowed: at least min, 2"],
    [{ spare: 3 }, "spare: given 3; allowed: at most max, 2"],
    [{ size: 2, min: 1 }, "size: given 2 beside min or max; allowed: size, or min and max"],
    [{ min: 1.5 }, "min: given 1.5; allowed: a whole number from 0 to 256"],
  ] as const;
  for (const [change, text] of refusals) {
    assert.throws(() => it.pool.resize(change), {
      code: "invalid_input",
      message: `Cannot resize the pool p: ${text}`,
    });
  }
  assert.deepStrictEqual(it.pool.limits, { min: 2, max: 2, spare: 0 });
});

Deno.test("Pool.pause() lets calls wait and sends none, and Pool.resume() sends them in their order", async () => {
  await using it = await FakePool.start({ size: 1 });
  const running = it.submit("hold");
  await until(() => it.launcher.alive.some((worker) => worker.running), "it runs");
  it.pool.pause();
  const waiting = [it.submit("echo"), it.submit("echo")];
  it.workerRunning(running).answer();
  assert.equal(await endOf(running), "ok p-1");
  await microtasks();
  assert.deepStrictEqual([it.pool.queued, it.pool.isPaused], [2, true]);
  it.pool.resume();
  assert.deepStrictEqual(await Promise.all(waiting.map(endOf)), ["ok p-1", "ok p-1"]);
});

Deno.test("Pool.cleanIdle() ends the idle workers above min and spare, never a busy one, and returns their ids", async () => {
  await using it = await FakePool.start({ size: 5, min: 1, spare: 1 });
  assert.deepStrictEqual(await it.pool.startAhead(-1), ["p-2", "p-3", "p-4", "p-5"]);
  const busy = it.submit("hold");
  const ended = it.pool.cleanIdle();
  assert.equal(ended.length, 3);
  assert.ok(!ended.includes(busy.attempt?.workerId ?? ""));
  await until(() => it.launcher.alive.length === 2, "the busy one and a spare one are left");
  assert.equal(it.workerRunning(busy).running?.tool, "hold");
});

Deno.test("Pool.startAhead(n) makes n more workers, and -1 fills to max", async () => {
  await using it = await FakePool.start(elastic(5));
  assert.deepStrictEqual(await it.pool.startAhead(2), ["p-1", "p-2"]);
  assert.deepStrictEqual(await it.pool.startAhead(-1), ["p-3", "p-4", "p-5"]);
  assert.deepStrictEqual(await it.pool.startAhead(1), []);
  await assert.rejects(it.pool.startAhead(0), {
    code: "invalid_input",
    message: "Cannot start workers of the pool p ahead: count: given 0; allowed: a whole number " +
      "from 1 to 256, or -1 for as many as there may be",
  });
});

Deno.test("Pool.stopWorker() ends a worker softly after its calls, and hard with them", async () => {
  await using it = await FakePool.start(elastic(2));
  const calls = [it.submit("hold"), it.submit("hold")];
  await until(
    () => it.pool.serving.length === 2 && calls.every((c) => c.state === "running"),
    "both run",
  );
  const [soft, hard] = calls.map((call) =>
    it.pool.workers.find(({ id }) => id === call.attempt?.workerId)
  );
  assert.ok(soft && hard);
  const [softCall, hardCall] = calls;
  assert.ok(softCall && hardCall);
  const softly = it.pool.stopWorker(soft);
  await it.pool.stopWorker(hard, { mode: "hard" });
  assert.equal(await endOf(hardCall), "worker_crashed");
  assert.equal(softCall.state, "running");
  it.workerRunning(softCall).answer();
  await softly;
  assert.match(await endOf(softCall), /^ok/);
  await until(() => it.pool.isAtRest, "neither is replaced");
});
