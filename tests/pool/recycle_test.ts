import assert from "node:assert/strict";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, nextTurn, until } from "../fixtures/until.ts";

const MIB = 1 << 20;

/** Workers that take calls or run one. */
function serving({ pool }: FakePool): number {
  return pool.workers.filter(({ state }) => state === "ready" || state === "busy").length;
}

/** Looks after every turn of the event loop that as many workers serve as there are places. */
function watchSize(it: FakePool): { stop(): void; readonly seen: Set<number> } {
  const seen = new Set<number>();
  const timer = setInterval(() => seen.add(serving(it)), 0);
  return { seen, stop: () => clearInterval(timer) };
}

Deno.test("Pool.stopWorker() starts a successor, swaps when it is ready, drains and stops the old one; no call fails", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  const fake = it.workerRunning(call);
  assert.ok(worker);
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  const stopped = it.pool.stopWorker(worker);
  await until(() => it.launcher.starting === 1, "a successor is starting");
  assert.deepStrictEqual(it.pool.workers.map(({ id, state }) => [id, state]), [
    ["p-1", "busy"],
    ["p-1", "starting"],
  ]);
  assert.equal(new Set(it.pool.workers.map(({ incarnation }) => incarnation)).size, 2);
  fake.answer();
  assert.equal(await endOf(call), "ok p-1");
  // Until its successor is ready it serves on.
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  const last = it.submit("hold");
  await microtasks();
  barrier.resolve();
  await until(() => worker.state === "stopping", "the successor has taken over");
  assert.equal(serving(it), 1);
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(fake.started.length, 3, "one that stops takes nothing more");
  assert.equal(fake.ended, false);
  fake.answer();
  await stopped;
  assert.equal(await endOf(last), "ok p-1");
  assert.deepStrictEqual(fake.signals, []);
  assert.equal(it.pool.workers.length, 1);
  assert.deepStrictEqual([it.pool.stats.restarts, it.pool.stats.recycled], [1, 1]);
});

Deno.test("Pool.stopWorker() waits for a call without limit, regardless of drainMs", async () => {
  await using it = await FakePool.start({ drainMs: 1 });
  const call = it.submit("deaf");
  await microtasks();
  const [worker] = it.pool.workers;
  const fake = it.workerRunning(call);
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "the successor has taken over");
  for (let i = 0; i < 20; i++) await nextTurn();
  assert.equal(call.state, "running");
  fake.answer();
  await stopped;
  assert.equal(await endOf(call), "ok p-1");
});

Deno.test("Pool.stopWorker() gives the old worker no more calls, even if it was idle and is slow to end", async () => {
  await using it = await FakePool.start({}, { ignoresStop: true });
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "the successor has taken over");
  const calls = [it.submit("hold"), it.submit("hold")];
  await microtasks();
  assert.deepStrictEqual([worker.calls, it.pool.queued], [0, 1]);
  for (const call of calls) {
    it.launcher.workers[1]?.answer();
    assert.equal(await endOf(call), "ok p-1");
  }
  it.launcher.workers[0]?.exit({ exitCode: 0 });
  await stopped;
});

Deno.test("Pool.stopWorker() called twice replaces once", async () => {
  await using it = await FakePool.start();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  await Promise.all([it.pool.stopWorker(worker), it.pool.stopWorker(worker)]);
  await it.pool.stopWorker(worker);
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool.stopWorker() gives up a worker that is still starting, and another one starts", async () => {
  await using it = new FakePool();
  it.launcher.barrier = new Promise(() => {});
  const started = it.pool.start();
  await until(() => it.launcher.starting === 1, "it is starting");
  it.launcher.barrier = undefined;
  const [worker] = it.pool.workers;
  assert.ok(worker);
  await it.pool.stopWorker(worker);
  await started;
  await until(() => it.pool.state === "ready", "another one is ready");
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool keeps the old worker while no successor can be started, and keeps trying", async () => {
  await using it = await FakePool.start();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  it.launcher.failures = ["no memory", "no memory", "no memory"];
  const stopped = it.pool.stopWorker(worker);
  for (let failed = 2; failed <= 4; failed++) {
    await until(() => it.launcher.launches >= failed, "a successor was tried");
    assert.equal(await endOf(it.submit("echo")), "ok p-1");
    assert.deepStrictEqual([it.pool.state, worker.state], ["ready", "ready"]);
  }
  await stopped;
  assert.equal(it.launcher.launches, 5);
  assert.equal(serving(it), 1);
});

Deno.test("Pool gives the slot of a worker that dies to the successor that is already starting", async () => {
  await using it = await FakePool.start();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  const stopped = it.pool.stopWorker(worker);
  await until(() => it.launcher.starting === 1, "a successor is starting");
  it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await stopped;
  const call = it.submit("echo");
  barrier.resolve();
  assert.equal(await endOf(call), "ok p-1");
  assert.equal(it.launcher.launches, 2);
  assert.equal(it.pool.workers.length, 1);
  // Its slot is kept filled as any other.
  it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await until(() => it.launcher.launches === 3 && serving(it) === 1, "the successor is replaced");
});

Deno.test("Pool refills the slot when worker and successor both die", async () => {
  await using it = await FakePool.start();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  const stopped = it.pool.stopWorker(worker);
  await until(() => it.launcher.starting === 1, "a successor is starting");
  it.launcher.failures = ["no memory"];
  it.launcher.alive[0]?.exit({ signal: "SIGSEGV" });
  await stopped;
  barrier.resolve();
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.launcher.launches, 3);
});

Deno.test("Pool replaces a successor that dies while the old worker still drains", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  const fake = it.workerRunning(call);
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "the successor has taken over");
  it.launcher.workers[1]?.exit({ signal: "SIGSEGV" });
  await until(() => it.launcher.launches === 3 && serving(it) === 1, "the successor is replaced");
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  fake.answer();
  await stopped;
  assert.equal(await endOf(call), "ok p-1");
});

Deno.test("Pool with maxCalls: 10 has the 11th call served by another process, and counts streams", async () => {
  await using it = await FakePool.start({ recycle: { maxCalls: 10 } });
  const size = watchSize(it);
  const ends: string[] = [];
  for (let i = 0; i < 33; i++) ends.push(await endOf(it.submit(i % 2 === 0 ? "echo" : "stream")));
  size.stop();
  assert.deepStrictEqual(new Set(ends), new Set(["ok p-1"]));
  const counts = it.launcher.workers.map(({ started }) => started.length);
  assert.deepStrictEqual(counts.slice(0, 3), [10, 10, 10]);
  assert.deepStrictEqual(size.seen, new Set([1]));
});

Deno.test("Pool with maxCalls: 1 runs each call in a process of its own, even with many at a time", async () => {
  await using it = await FakePool.start({ size: 2, recycle: { maxCalls: 1 } }, { runMs: 0.01 });
  const calls = Array.from({ length: 40 }, () => it.submit("echo"));
  for (const call of calls) assert.match(await endOf(call), /^ok/);
  assert.ok(it.launcher.workers.every(({ started }) => started.length <= 1));
});

Deno.test("Pool with maxCalls starts the successor early, so that it is ready at the last call", async () => {
  await using it = await FakePool.start({ recycle: { maxCalls: 20 } });
  for (let i = 0; i < 17; i++) await it.submit("echo").outcome;
  await nextTurn();
  assert.equal(it.launcher.launches, 1);
  await it.submit("echo").outcome;
  await until(() => it.launcher.launches === 2 && serving(it) === 1, "the successor serves");
});

Deno.test("Pool lets a worker take more than maxCalls calls while no successor can be started", async () => {
  await using it = await FakePool.start({ recycle: { maxCalls: 3 } });
  it.launcher.failures = { always: "no memory" };
  for (let i = 0; i < 20; i++) assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.ok(it.launcher.launches <= 4, "calls do not wait for more attempts");
  it.launcher.failures = [];
  await until(() => it.launcher.workers.length === 2 && serving(it) === 1, "it is succeeded");
  assert.equal(it.pool.state, "ready");
});

Deno.test("Pool replaces a worker at its age limit or up to a tenth earlier, without failing its call or shrinking", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 4, recycle: { maxAgeMs: 60_000 } }, {}, { clock });
  const calls = Array.from({ length: 4 }, () => it.submit("hold", { timeoutMs: 3_600_000 }));
  await microtasks();
  const old = [...it.launcher.workers];
  const size = watchSize(it);
  clock.advance(53_900);
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(it.launcher.launches, 4);
  clock.advance(6_200);
  await until(() => it.launcher.launches === 8, "all four are succeeded");
  await until(
    () => it.pool.workers.filter(({ state }) => state === "stopping").length === 4,
    "they drain",
  );
  for (let i = 0; i < 5; i++) await nextTurn();
  size.stop();
  for (const fake of old) fake.answer();
  for (const call of calls) assert.match(await endOf(call), /^ok/);
  await until(() => it.pool.workers.length === 4, "the old ones are gone");
  assert.deepStrictEqual(size.seen, new Set([4]));
  assert.ok(old.every(({ signals }) => signals.length === 0));
});

Deno.test("Pool starts one successor at a time, for any number of workers to replace", async () => {
  await using it = await FakePool.start({ size: 4 });
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  it.launcher.mostStarting = 0;
  const stopped = it.pool.workers.map((worker) => it.pool.stopWorker(worker));
  await until(() => it.launcher.starting > 0, "a successor is starting");
  // All four would be by now, since nothing pauses.
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.deepStrictEqual([it.launcher.starting, it.launcher.launches], [1, 5]);
  barrier.resolve();
  await Promise.all(stopped);
  assert.deepStrictEqual([it.launcher.mostStarting, it.launcher.launches], [1, 8]);
});

Deno.test("Pool starts one successor at a time when workers reach their age together", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 4, recycle: { maxAgeMs: 1_000 } }, {}, { clock });
  it.launcher.mostStarting = 0;
  clock.advance(1_010);
  await until(() => it.launcher.launches === 8, "all four are succeeded");
  assert.equal(it.launcher.mostStarting, 1);
});

Deno.test("Pool replaces a worker over maxRssBytes once, without failing its call", async () => {
  await using it = await FakePool.start({ recycle: { maxRssBytes: 64 * MIB } });
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  const fake = it.workerRunning(call);
  fake.tellMemory(64 * MIB);
  await nextTurn();
  assert.equal(it.launcher.launches, 1);
  for (let i = 0; i < 3; i++) fake.tellMemory(80 * MIB);
  await until(() => worker?.state === "stopping", "the successor has taken over");
  fake.tellMemory(80 * MIB);
  fake.answer();
  assert.equal(await endOf(call), "ok p-1");
  await until(() => it.pool.workers.length === 1, "the old one is gone");
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool does not spin when every worker is over maxRssBytes from the start", async () => {
  await using it = await FakePool.start({ recycle: { maxRssBytes: 64 * MIB } });
  // The pauses are 100, 200 and 400 ms, less up to half. Timers ring in order even when they are
  // late, so a shorter timer rings before the successor is started.
  for (const [i, shorterMs] of [40, 90, 190].entries()) {
    await until(() => it.launcher.launches === i + 1 && serving(it) === 1, "one serves");
    const shorter = new Promise<void>((resolve) => setTimeout(resolve, shorterMs));
    it.launcher.workers.at(-1)?.tellMemory(80 * MIB);
    await shorter;
    assert.equal(it.launcher.launches, i + 1);
  }
  await until(() => it.launcher.launches === 4 && serving(it) === 1, "one serves");
  assert.equal(it.pool.state, "ready");
});

Deno.test("Pool.recycle() replaces all workers, one at a time, never below the size; no call fails", async () => {
  await using it = await FakePool.start({ size: 3 }, { runMs: 0.1 });
  const size = watchSize(it);
  const old = [...it.launcher.workers];
  let rolling = true;
  const ends: string[] = [];
  const load = (async () => {
    while (rolling) {
      ends.push(await endOf(it.submit("echo")));
      await nextTurn();
    }
  })();
  it.launcher.mostStarting = 0;
  await it.pool.recycle(it.pool.workers);
  rolling = false;
  await load;
  size.stop();
  assert.ok(old.every(({ ended, signals }) => ended && signals.length === 0));
  assert.equal(it.launcher.launches, 6);
  assert.equal(it.launcher.mostStarting, 1);
  assert.deepStrictEqual(size.seen, new Set([3]));
  assert.ok(ends.length > 0 && ends.every((end) => end.startsWith("ok")));
  assert.equal(it.pool.stats.recycled, 3);
});

Deno.test("Pool.recycle() waits until one worker is gone before it replaces the next, and stops with its signal", async () => {
  await using it = await FakePool.start({ size: 2 });
  const calls = [it.submit("hold"), it.submit("hold")];
  await microtasks();
  const leaving = new AbortController();
  const done = it.pool.recycle(it.pool.workers, leaving.signal);
  await until(() => it.pool.workers.some(({ state }) => state === "stopping"), "one is swapped");
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(it.launcher.launches, 3);
  leaving.abort();
  for (
    const { running, answer } of it.launcher.workers.map((fake) => ({
      running: fake.running,
      answer: () => fake.answer(),
    }))
  ) if (running) answer();
  await done;
  assert.equal(it.launcher.launches, 3);
  for (const call of calls) assert.match(await endOf(call), /^ok/);
});

Deno.test("Pool.recycle() refuses a pool that stops", async () => {
  await using it = await FakePool.start();
  await it.pool.stop();
  assert.throws(() => it.pool.recycle(it.pool.workers), { code: "shutting_down" });
});

Deno.test("Pool.stop() ends old workers and successors in every state", async () => {
  for (let turn = 0; turn < 12; turn++) {
    const it = await FakePool.start({ size: 2, drainMs: 30, recycle: { maxCalls: 4 } });
    const calls = ["hold", "echo", "echo", "echo", "stream", "deaf"].map((tool) => it.submit(tool));
    const rolled = it.pool.recycle(it.pool.workers);
    for (let i = 0; i < turn * 3; i++) await undefined;
    if (turn % 3 === 2) await nextTurn();
    const stopped = it.pool.stop();
    if (turn % 4 === 3) await it.pool.stop({ drainMs: 0 });
    await stopped;
    await rolled;
    await Promise.all(calls.map(endOf));
    assert.deepStrictEqual(it.launcher.alive, []);
    assert.deepStrictEqual(it.pool.workers, []);
    assert.equal(it.launcher.starting, 0);
  }
});

Deno.test("Pool.stop() bounds the drain of a worker that was being replaced", async () => {
  await using it = await FakePool.start({ drainMs: 5 });
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  assert.ok(worker);
  const replaced = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "the successor has taken over");
  await it.pool.stop();
  await replaced;
  assert.equal(await endOf(call), "shutting_down");
});
