/** Tests pools with `replace: "stop_first"`: a slot never has two live workers, on any path. */
import assert from "node:assert/strict";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorkerOptions } from "../../fixtures/fakes/fake_worker.ts";
import { microtasks, nextTurn, until } from "../../fixtures/until.ts";

const MIB = 1 << 20;

interface StopFirst extends AsyncDisposable {
  readonly it: FakePool;
}

/** A started pool that stops first, which asserts at its end that no slot had two processes. */
async function start(
  options: FakePoolOptions = {},
  worker: FakeWorkerOptions = {},
  clock?: FakeClock,
): Promise<StopFirst> {
  const it = await FakePool.start({ replace: "stop_first", ...options }, worker, { clock });
  return {
    it,
    async [Symbol.asyncDispose](): Promise<void> {
      await it[Symbol.asyncDispose]();
      for (const [id, most] of it.launcher.mostAlive) {
        assert.equal(most, 1, `${id} had ${most} processes at a time`);
      }
    },
  };
}

/** Gives the event loop time for whatever must not happen. */
async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}

Deno.test("Pool.stopWorker() with stop_first lets the worker finish and end before its successor starts", async () => {
  await using pool = await start();
  const { it } = pool;
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const fake = it.workerRunning(call);
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "it takes no more calls");
  await turns();
  assert.deepEqual([it.launcher.launches, it.pool.state, call.state], [1, "starting", "running"]);
  const queued = it.submit("echo");
  assert.equal(it.pool.queued, 1);
  fake.answer();
  await stopped;
  assert.equal(fake.ended, true);
  assert.deepEqual(fake.signals, []);
  assert.deepEqual([await endOf(call), await endOf(queued)], ["ok p-1", "ok p-1"]);
  assert.equal(it.pool.state, "ready");
  assert.deepEqual([it.pool.stats.restarts, it.pool.stats.recycled], [1, 1]);
});

Deno.test("Pool with stop_first fills the slot of a worker that leaves when the worker has ended", async () => {
  await using pool = await start();
  const { it } = pool;
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  const call = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(call);
  fake.leave();
  await turns();
  assert.deepEqual([it.launcher.launches, call.state], [1, "running"]);
  const queued = it.submit("echo");
  fake.answer();
  assert.deepEqual([await endOf(call), await endOf(queued)], ["ok p-1", "ok p-1"]);
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool.recycle() with stop_first never lacks more than one worker, and no call fails", async () => {
  await using pool = await start({ size: 3 });
  const { it } = pool;
  let fewest = 3;
  const watch = setInterval(() => fewest = Math.min(fewest, it.pool.serving.length), 0);
  const old = it.pool.workers.map(({ incarnation }) => incarnation);
  let isDone = false;
  const recycled = it.pool.recycle(undefined).then(() => isDone = true);
  const ends: string[] = [];
  while (!isDone) {
    ends.push(
      ...await Promise.all(["echo", "echo", "echo", "echo"].map((t) => endOf(it.submit(t)))),
    );
    await nextTurn();
  }
  await recycled;
  clearInterval(watch);
  assert.equal(fewest, 2);
  assert.deepEqual(ends.filter((end) => !end.startsWith("ok")), []);
  assert.ok(it.pool.workers.every(({ incarnation }) => !old.includes(incarnation)));
  await until(() => it.pool.stats.recycled === 3, "all slots are filled again");
  assert.equal(it.pool.stats.restarts, 3);
});

Deno.test("Pool with stop_first ends workers at their limits of age, calls and memory before their successors start", async () => {
  const clock = new FakeClock();
  const recycle = { maxAgeMs: 60_000, maxCalls: 10, maxRssBytes: 100 * MIB };
  await using pool = await start({ recycle }, {}, clock);
  const { it } = pool;
  for (let call = 0; call < 9; call++) assert.equal(await endOf(it.submit("echo")), "ok p-1");
  await until(() => it.pool.stats.recycled === 1, "it was replaced for its calls");
  clock.advance(60_000);
  await until(() => it.pool.stats.recycled === 2, "it was replaced for its age");
  it.launcher.alive[0]?.tellMemory(101 * MIB);
  await until(() => it.pool.stats.recycled === 3, "it was replaced for its memory");
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.launcher.launches, 4);
});

Deno.test("Pool.reload() with stop_first ends one worker to try the code, and the others once it has loaded", async () => {
  await using pool = await start({ size: 3 });
  const { it } = pool;
  const running = [it.submit("hold"), it.submit("hold"), it.submit("hold")];
  await microtasks();
  const old = it.launcher.alive;
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.pool.serving.length === 2, "one takes no more calls");
  await turns();
  assert.equal(it.launcher.launches, 3);
  old.find(({ link }) => !it.pool.serving.some(({ id }) => id === link?.hello.workerId))?.answer();
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is loaded");
  await turns();
  assert.equal(it.launcher.launches, 4, "the others have not ended yet");
  for (const fake of old) if (fake.running) fake.answer();
  for (const call of running) assert.match(await endOf(call), /^ok/);
  await until(() => it.pool.serving.length === 3, "all have the new code");
  assert.deepEqual([it.launcher.launches, it.pool.stats.recycled], [6, 3]);
});

Deno.test("Pool.reload() with stop_first and code that cannot be loaded leaves one slot empty until it can", async () => {
  await using pool = await start({ size: 3 });
  const { it } = pool;
  it.launcher.failures = { always: "SyntaxError" };
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.pool.code.reload?.state === "failed", "it was tried");
  await until(() => it.launcher.launches >= 6, "it was tried again");
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.launcher.launches >= 9, "the next code was tried");
  assert.deepEqual([it.pool.serving.length, it.pool.state], [2, "ready"]);
  assert.match(await endOf(it.submit("echo")), /^ok/);
  it.launcher.failures = [];
  it.pool.reload({ files: ["a.py"] });
  await until(() => it.pool.code.reload?.state === "loaded", "the code is repaired");
  await until(() => it.pool.serving.length === 3, "all serve");
  assert.ok(it.pool.workers.every((worker) => worker.order >= 6), "all have the new code");
});

Deno.test("Pool with stop_first retries a successor as after a crash, and is unhealthy if it is the only one", async () => {
  await using pool = await start();
  const { it } = pool;
  it.launcher.failures = { always: "no memory" };
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const queued = it.submit("hold");
  const waiting = it.submit("hold");
  await microtasks();
  it.launcher.alive[0]?.answer();
  const stopped = it.pool.stopWorker(worker);
  await microtasks();
  it.launcher.alive[0]?.answer();
  await stopped;
  assert.deepEqual([await endOf(queued), await endOf(waiting)], ["ok p-1", "ok p-1"]);
  const refused = it.submit("echo");
  await until(() => it.pool.state === "unhealthy", "it has failed three times");
  assert.equal(await endOf(refused), "pool_unhealthy");
  assert.deepEqual([it.pool.failures, it.pool.reason], [3, "no memory"]);
  it.launcher.failures = [];
  await until(() => it.pool.state === "ready", "it has recovered");
});

Deno.test("Pool.recycle() with stop_first stops no other worker while a slot cannot be filled again", async () => {
  await using pool = await start({ size: 3 });
  const { it } = pool;
  it.launcher.failures = { always: "no memory" };
  const recycled = it.pool.recycle(undefined);
  await until(() => it.launcher.launches >= 6, "the successor was tried three times");
  assert.equal(it.pool.serving.length, 2);
  it.launcher.failures = [];
  await recycled;
  await until(() => it.pool.serving.length === 3, "all serve");
  assert.equal(it.pool.stats.recycled, 3);
});

Deno.test("Pool with stop_first refills workers that die while they wait for another slot", async () => {
  await using pool = await start({ size: 3 });
  const { it } = pool;
  const call = it.submit("hold");
  await microtasks();
  const busy = it.workerRunning(call);
  const [ending] = it.pool.workers.filter(({ state }) => state === "busy");
  assert.ok(ending);
  // The first one waits for the slot of the busy worker, the second one for its turn.
  const waiting = it.pool.workers.filter(({ state }) => state === "ready");
  const stopped = [ending, ...waiting].map((worker) => it.pool.stopWorker(worker));
  await turns();
  assert.deepEqual(waiting.map(({ state }) => state), ["ready", "ready"]);
  for (const fake of it.launcher.alive) if (fake !== busy) fake.exit({ signal: "SIGSEGV" });
  await until(
    () => it.pool.serving.length === 2 && it.launcher.launches === 5,
    "they are refilled",
  );
  assert.equal(ending.state, "stopping");
  busy.answer();
  await Promise.all(stopped);
  assert.match(await endOf(call), /^ok/);
});

Deno.test("Pool with stop_first lifts the limit of calls of a worker that waits for a slot that cannot be filled", async () => {
  await using pool = await start({ size: 2, recycle: { maxCalls: 2 } });
  const { it } = pool;
  it.launcher.failures = { always: "no memory" };
  const [first, second] = it.pool.workers;
  assert.ok(first && second);
  const stopped = it.pool.stopWorker(first);
  await stopped;
  // Its second call is the last one that it may take.
  const ends: string[] = [];
  for (let call = 0; call < 5; call++) ends.push(await endOf(it.submit("echo")));
  assert.deepEqual(ends, ["ok p-2", "ok p-2", "ok p-2", "ok p-2", "ok p-2"]);
  it.launcher.failures = [];
  await until(() => second.state === "gone" && it.pool.serving.length === 2, "both are replaced");
});

Deno.test("Pool with stop_first serves on, beyond maxCalls, while another worker has a long call to finish", async () => {
  await using pool = await start({ size: 3, pipelineBudgetMs: 0, recycle: { maxCalls: 10 } });
  const { it } = pool;
  const long = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(long);
  const [ending] = it.pool.workers.filter(({ state }) => state === "busy");
  assert.ok(ending);
  // One worker has reached its limit before that, the other one reaches it later.
  for (let call = 0; call < 16; call++) assert.match(await endOf(it.submit("echo")), /^ok/);
  const stopped = it.pool.stopWorker(ending);
  await until(() => ending.state === "stopping", "it takes no more calls");
  const ends: string[] = [];
  for (let call = 0; call < 30; call++) ends.push(await endOf(it.submit("echo")));
  assert.deepEqual(ends.filter((end) => !end.startsWith("ok")), []);
  assert.equal(it.pool.serving.length, 2, "no other one has ended");
  fake.answer();
  assert.match(await endOf(long), /^ok/);
  await stopped;
  await until(() => it.pool.stats.recycled === 3, "all are replaced");
});

Deno.test("Pool with stop_first keeps to the queue limit and to deadlines while no worker serves", async () => {
  const clock = new FakeClock();
  await using pool = await start({ queueLimit: 2 }, {}, clock);
  const { it } = pool;
  const call = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(call);
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "it takes no more calls");
  const patient = it.submit("echo");
  const hasty = it.submit("echo", { timeoutMs: 500 });
  assert.throws(() => it.submit("echo"), { code: "pool_saturated" });
  clock.advance(1_000);
  assert.equal(await endOf(hasty), "deadline_exceeded");
  fake.answer();
  await stopped;
  assert.deepEqual([await endOf(call), await endOf(patient)], ["ok p-1", "ok p-1"]);
});

Deno.test("Pool with stop_first does not spin when every worker is over maxRssBytes from the start", async () => {
  await using pool = await start({ recycle: { maxRssBytes: 100 * MIB } });
  const { it } = pool;
  // The pauses are 100, 200 and 400 ms, less up to half. Timers ring in order even when they are
  // late, so a shorter timer rings before the worker is stopped.
  for (const shorterMs of [40, 90, 190]) {
    const worker = await until(() => it.pool.serving[0], "one serves");
    const shorter = new Promise<void>((resolve) => setTimeout(resolve, shorterMs));
    it.launcher.alive[0]?.tellMemory(101 * MIB);
    await shorter;
    assert.equal(worker.state, "ready");
    await until(() => worker.state === "gone", "it was replaced");
  }
});

Deno.test("Pool.stop() ends a pool whose worker has ended and whose successor has not started", async () => {
  await using pool = await start();
  const { it } = pool;
  it.launcher.failures = { always: "no memory" };
  const [worker] = it.pool.workers;
  assert.ok(worker);
  await it.pool.stopWorker(worker);
  await it.pool.stop();
  assert.deepEqual([it.pool.state, it.pool.workers.length], ["stopped", 0]);
});
