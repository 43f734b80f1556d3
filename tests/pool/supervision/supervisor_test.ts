import assert from "node:assert/strict";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, nextTurn, until } from "../../fixtures/until.ts";

const NEVER = new AbortController().signal;

Deno.test("Pool.start() fills every slot, with at most startConcurrency starting at a time", async () => {
  await using it = new FakePool({ size: 7, startConcurrency: 3 });
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const started = it.pool.start();
  await until(() => it.launcher.starting === 3, "three are starting");
  resolve();
  await started;
  assert.equal(it.launcher.launches, 7);
  assert.equal(it.launcher.mostStarting, 3);
  assert.deepStrictEqual(
    it.pool.workers.map((worker) => worker.id).sort(),
    Array.from({ length: 7 }, (_, i) => `p-${i + 1}`),
  );
  assert.equal(it.pool.state, "ready");
  assert.equal(new Set(it.pool.workers.map((worker) => worker.incarnation)).size, 7);
});

Deno.test("Pool.start() called twice starts nothing twice", async () => {
  await using it = await FakePool.start({ size: 2 });
  await it.pool.start();
  assert.equal(it.launcher.launches, 2);
});

Deno.test("Pool serves calls that were queued while it started", async () => {
  await using it = new FakePool();
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const started = it.pool.start();
  const call = it.submit("echo");
  assert.deepStrictEqual([it.pool.state, it.pool.queued], ["starting", 1]);
  resolve();
  await started;
  assert.equal(await endOf(call), "ok p-1");
});

Deno.test("Pool serves with the workers it has while another cannot be started", async () => {
  await using it = new FakePool({ size: 2 });
  it.launcher.failures = ["no memory"];
  await it.pool.start();
  assert.equal(it.pool.state, "ready");
  assert.match(await endOf(it.submit("echo")), /^ok/);
  await until(() => it.pool.workers.length === 2 && it.launcher.alive.length === 2, "both are up");
});

Deno.test("Pool is unhealthy at once when no first start succeeds, and rejects its queue with the reason", async () => {
  await using it = new FakePool({ size: 2 });
  it.launcher.failures = { always: "Cannot start worker: no module named texts" };
  const waiting = it.submit("echo");
  await it.pool.start();
  assert.equal(it.pool.state, "unhealthy");
  assert.equal(it.pool.reason, "Cannot start worker: no module named texts");
  assert.equal(it.pool.queued, 0);
  await assert.rejects(waiting.outcome, {
    code: "pool_unhealthy",
    message: "Cannot call echo: no worker of the pool p can be started. " +
      "Cannot start worker: no module named texts",
  });
  assert.throws(() => it.submit("echo"), { code: "pool_unhealthy", retryable: true });
  await assert.rejects(it.pool.whenReady(), { code: "pool_unhealthy" });
  await assert.rejects(it.pool.ping(NEVER), { code: "pool_unhealthy" });
});

Deno.test("Pool keeps trying while it is unhealthy, and is ready again when a worker starts", async () => {
  await using it = new FakePool();
  it.launcher.failures = ["one", "two"];
  await it.pool.start();
  assert.equal(it.pool.state, "unhealthy");
  await until(() => it.pool.state === "ready", "the pool has recovered");
  assert.equal(it.launcher.launches, 3);
  assert.equal(it.pool.reason, undefined);
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.pool.stats.restarts, 2);
});

Deno.test("Pool becomes unhealthy when workers keep dying without a call, with pauses in between", async () => {
  await using it = await FakePool.start();
  for (let deaths = 0; deaths < 3; deaths++) {
    await until(() => it.pool.state === "ready", "the next worker is ready");
    it.launcher.alive[0]?.exit({ exitCode: 9, lastOutput: ["illegal instruction"] });
    await until(() => it.pool.state !== "ready", "its death was seen");
  }
  await until(() => it.pool.state === "unhealthy", "the pool gives up for now");
  assert.match(it.pool.reason ?? "", /ended with exit code 9; last output: illegal instruction/);
  assert.throws(() => it.submit("echo"), { code: "pool_unhealthy" });
  await until(() => it.pool.state === "ready", "the pool has recovered");
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
});

Deno.test("Pool becomes unhealthy when workers keep losing their links, with that as the reason", async () => {
  await using it = await FakePool.start();
  for (let deaths = 0; deaths < 3; deaths++) {
    await until(() => it.pool.state === "ready", "the next worker is ready");
    it.launcher.alive[0]?.carrier.end();
    await until(() => it.pool.state !== "ready", "its loss was seen");
  }
  await until(() => it.pool.state === "unhealthy", "the pool gives up for now");
  assert.match(it.pool.reason ?? "", /lost its link .* and was killed/);
});

Deno.test("Pool stays healthy, and its pauses short, when workers are killed from outside before their first answer", async () => {
  await using it = await FakePool.start({ size: 1 });
  const ends = [
    () => it.launcher.alive[0]?.exit({ signal: "SIGKILL" }),
    () => it.launcher.alive[0]?.exit({ signal: "SIGTERM" }),
    () => it.launcher.alive[0]?.exit({ exitCode: 143 }),
  ];
  for (let deaths = 0; deaths < 9; deaths++) {
    await until(() => it.pool.state === "ready", "the next worker is ready");
    if (deaths % 3 === 0) it.launcher.failures = [{ kind: "killed" }];
    ends[deaths % 3]?.();
    await until(() => {
      assert.notEqual(it.pool.state, "unhealthy");
      return it.pool.state === "starting";
    }, "its end was seen");
  }
  const waiting = it.submit("echo");
  assert.equal(await endOf(waiting), "ok p-1");
  assert.deepStrictEqual(it.pool.tainted, []);
});

Deno.test("Pool.start() goes on when the first worker is killed from outside before it is ready", async () => {
  await using it = new FakePool({ size: 1 });
  it.launcher.failures = [{ kind: "killed" }, { kind: "terminated" }];
  const started = it.pool.start();
  const waiting = it.submit("echo");
  await started;
  assert.equal(await endOf(waiting), "ok p-1");
  assert.equal(it.launcher.launches, 3);
});

Deno.test("Pool replaces a worker at once that gets a signal from outside, even right after it is ready", async () => {
  await using it = await FakePool.start({ size: 1 });
  const running = it.submit("hold");
  await microtasks();
  const old = it.workerRunning(running);
  old.leave();
  assert.deepStrictEqual(it.pool.workers.map(({ state }) => state), ["stopping"]);
  assert.equal(it.pool.state, "starting");
  await assert.rejects(it.pool.ping(NEVER), { code: "pool_unhealthy" });
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(old.ended, false, "it still runs its call");
  old.answer();
  assert.equal(await endOf(running), "ok p-1");
  await until(() => it.pool.workers.length === 1, "it is gone");
  assert.deepStrictEqual([it.pool.crashes.total, it.pool.stats.restarts], [0, 1]);
  // It says so in the frame in which it says that it is ready.
  it.launcher.leavesAtOnce = 1;
  it.launcher.alive[0]?.exit({ signal: "SIGKILL" });
  await until(() => it.launcher.launches === 4, "the one after it is started");
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
});

Deno.test("Pool kills a worker that ignores a signal to end", async () => {
  await using it = await FakePool.start({ size: 1, drainMs: 5 }, { ignoresStop: true });
  const [old] = it.launcher.alive;
  old?.leave();
  await until(() => old?.ended === true, "it was ended");
  assert.deepStrictEqual(old?.signals, ["SIGTERM"]);
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
});

Deno.test("Pool becomes unhealthy when the kernel kills every worker at its start, and does not spin", async () => {
  await using it = new FakePool({ size: 1 });
  it.launcher.failures = { always: { kind: "killed" } };
  await it.pool.start();
  assert.equal(it.pool.state, "unhealthy");
  assert.match(it.pool.reason ?? "", /it ended: killed/);
  assert.equal(it.launcher.launches, 11);
});

Deno.test("Pool stays healthy when a tool kills every worker that it runs in", async () => {
  await using it = await FakePool.start();
  for (let deaths = 0; deaths < 5; deaths++) {
    assert.equal(await endOf(it.submit("die")), "worker_crashed");
    assert.notEqual(it.pool.state, "unhealthy");
  }
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
});

Deno.test("Pool does not count a worker that it killed itself as part of a crash loop", async () => {
  await using it = await FakePool.start({ cancelGraceMs: 1 });
  for (let i = 0; i < 5; i++) {
    const leaving = new AbortController();
    const call = it.submit("deaf", { signal: leaving.signal });
    await until(() => call.state === "running", "the call runs");
    leaving.abort(new Error("left"));
    await until(() => {
      assert.notEqual(it.pool.state, "unhealthy");
      return it.launcher.launches === i + 2;
    }, "the worker is replaced");
  }
  assert.equal(await endOf(it.submit("echo")), "ok p-1");
  assert.equal(it.pool.stats.restarts, 5);
});

Deno.test("Pool forgives failures when a worker answers", async () => {
  await using it = await FakePool.start({ size: 1 });
  for (let i = 0; i < 4; i++) {
    assert.equal(await endOf(it.submit("echo")), "ok p-1");
    assert.equal(await endOf(it.submit("die")), "worker_crashed");
    assert.notEqual(it.pool.state, "unhealthy");
  }
});

Deno.test("Pool.whenReady() resolves with the first worker, and rejects with the reason of its signal", async () => {
  await using it = new FakePool({ size: 2 });
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  const started = it.pool.start();
  const leaving = new AbortController();
  const left = it.pool.whenReady(leaving.signal);
  const ready = it.pool.whenReady();
  leaving.abort(new Error("enough"));
  await assert.rejects(left, /enough/);
  resolve();
  await ready;
  await started;
  await it.pool.whenReady();
});

Deno.test("Pool.stop() lets the call that runs finish, and rejects those that wait", async () => {
  await using it = await FakePool.start();
  const running = it.submit("hold");
  const waiting = it.submit("echo");
  await microtasks();
  const worker = it.workerRunning(running);
  const stopped = it.pool.stop();
  assert.equal(it.pool.state, "stopping");
  await assert.rejects(waiting.outcome, {
    code: "shutting_down",
    message: "Cannot call echo: the pool p is stopping",
    retryable: true,
  });
  assert.throws(() => it.submit("echo"), { code: "shutting_down" });
  await assert.rejects(it.pool.whenReady(), { code: "shutting_down" });
  worker.answer();
  await stopped;
  assert.equal(await endOf(running), "ok p-1");
  assert.deepStrictEqual(worker.signals, []);
  assert.equal(it.pool.state, "stopped");
  assert.deepStrictEqual(it.pool.workers, []);
  assert.throws(() => it.submit("echo"), /the pool p is stopped/);
});

Deno.test("Pool.stop() ends calls that have not finished after the drain, if necessary by force", async () => {
  for (const ignoresTerm of [false, true]) {
    await using it = await FakePool.start({ drainMs: 5 }, { ignoresTerm });
    const running = it.submit("deaf");
    await microtasks();
    const worker = it.workerRunning(running);
    await it.pool.stop();
    assert.ok(["shutting_down", "worker_crashed"].includes(await endOf(running)));
    assert.deepStrictEqual(
      worker.signals,
      ignoresTerm ? ["SIGTERM", "SIGKILL after 10"] : ["SIGTERM"],
    );
    assert.equal(it.launcher.launches, 1, "nobody is replaced while the pool stops");
  }
});

Deno.test("Pool.stop() ends an idle worker that ignores the stop", async () => {
  await using it = await FakePool.start({ drainMs: 5 }, { ignoresStop: true });
  await it.pool.stop();
  assert.deepStrictEqual(it.launcher.workers[0]?.signals, ["SIGTERM"]);
});

Deno.test("Pool.stop() kills at once when it is called again with a drain of 0", async () => {
  await using it = await FakePool.start({ drainMs: 60_000 });
  const running = it.submit("deaf");
  await microtasks();
  const worker = it.workerRunning(running);
  const first = it.pool.stop();
  await it.pool.stop({ drainMs: 0 });
  await first;
  assert.deepStrictEqual(worker.signals, ["SIGKILL"]);
  await assert.rejects(running.outcome, { message: /was killed: the host stops at once/ });
});

Deno.test("Pool.stop() called twice drains once, and both calls wait for the end", async () => {
  await using it = await FakePool.start();
  const running = it.submit("hold");
  await microtasks();
  const stops = [it.pool.stop(), it.pool.stop(), it.pool[Symbol.asyncDispose]()];
  let ended = 0;
  for (const stop of stops) void stop.then(() => ended++);
  await microtasks();
  assert.equal(ended, 0);
  it.workerRunning(running).answer();
  await Promise.all(stops);
  assert.equal(await endOf(running), "ok p-1");
});

Deno.test("Pool.stop() during the start abandons starting workers, and start() returns", async () => {
  await using it = new FakePool({ size: 3, startConcurrency: 1 });
  it.launcher.barrier = new Promise(() => {});
  const started = it.pool.start();
  const waiting = it.submit("echo");
  await until(() => it.launcher.starting === 1, "a worker is starting");
  await it.pool.stop();
  await started;
  assert.equal(await endOf(waiting), "shutting_down");
  assert.equal(it.launcher.starting, 0);
  assert.equal(it.pool.state, "stopped");
});

Deno.test("Pool.stop() before the start leaves a pool that never starts", async () => {
  await using it = new FakePool();
  const waiting = it.submit("echo");
  await it.pool.stop();
  await it.pool.start();
  assert.equal(await endOf(waiting), "shutting_down");
  assert.equal(it.launcher.launches, 0);
  assert.equal(it.pool.state, "stopped");
});

Deno.test("Pool.stop() does not wait for the pause before a restart", async () => {
  await using it = new FakePool();
  it.launcher.failures = { always: "no" };
  await it.pool.start();
  await until(() => it.launcher.launches === 3, "the pauses are long enough to notice");
  await it.pool.stop();
  assert.equal(it.launcher.launches, 3);
});

Deno.test("Pool.stop() ends in bounded time and answers the calls even if a process cannot be killed", async () => {
  const options = { drainMs: 5, killGraceMs: 5, reapMs: 5 };
  const it = await FakePool.start(options, { ignoresTerm: true, unkillable: true });
  const running = it.submit("deaf");
  await microtasks();
  const worker = it.workerRunning(running);
  await it.pool.stop();
  assert.equal(it.pool.state, "stopped");
  assert.equal(await endOf(running), "shutting_down");
  worker.exit({ signal: "SIGKILL" });
  await until(() => it.pool.workers.length === 0, "it is gone after all");
});

Deno.test("Pool survives being started and stopped 20 times at any moment", async () => {
  for (let turn = 0; turn < 20; turn++) {
    const it = new FakePool({ size: 3, startConcurrency: 2, drainMs: 50 });
    const started = it.pool.start();
    const calls = ["echo", "hold", "echo", "die", "echo"].map((tool) => it.submit(tool));
    for (let i = 0; i < turn; i++) await undefined;
    if (turn % 4 === 3) await nextTurn();
    if (turn % 5 === 4) await started;
    const stopped = it.pool.stop();
    if (turn % 3 === 0) await it.pool.stop({ drainMs: 0 });
    await stopped;
    await started;
    await Promise.all(calls.map(endOf));
    assert.deepStrictEqual(it.launcher.alive, []);
    assert.deepStrictEqual([it.pool.state, it.pool.queued], ["stopped", 0]);
    const { requests, completed, failed, cancelled, timedOut, crashed, refused } = it.pool.stats;
    assert.equal(completed + failed + cancelled + timedOut + crashed + refused, requests);
  }
});
