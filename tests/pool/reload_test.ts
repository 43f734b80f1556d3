import assert from "node:assert/strict";
import type { CodeEvent } from "../../src/pool/mod.ts";
import { endOf, FakePool, type FakePoolOptions } from "../fixtures/fakes/fake_pool.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { microtasks, nextTurn, until } from "../fixtures/until.ts";

const OLD = ["echo", "hold", "old"];
const NEW = ["echo", "hold", "new"];

/** A started pool whose workers offer {@link OLD}; the next ones will offer {@link NEW}. */
async function startOld(options: FakePoolOptions = {}): Promise<FakePool> {
  const it = new FakePool(options);
  it.launcher.tools = OLD;
  await it.pool.start();
  it.launcher.tools = NEW;
  return it;
}

function reload(it: FakePool, ...files: string[]): void {
  it.pool.reload({ files: files.length === 0 ? ["texts.py"] : files });
}

function offered(it: FakePool): string[] {
  return it.pool.tools.map(({ name }) => name);
}

function eventsOf(it: FakePool): CodeEvent[] {
  const events: CodeEvent[] = [];
  it.pool.code.onEvent((event) => events.push(event));
  return events;
}

Deno.test("Pool.reload() lets all old workers finish their calls, and gives the next ones to new workers alone", async () => {
  await using it = await startOld({ size: 3 });
  const running = [it.submit("hold"), it.submit("hold"), it.submit("hold")];
  await microtasks();
  const old = [...it.launcher.alive];
  reload(it);
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is served");
  const ends = await Promise.all(Array.from({ length: 9 }, () => endOf(it.submit("new"))));
  assert.ok(ends.every((end) => end.startsWith("ok")), ends.join());
  assert.deepEqual(running.map(({ state }) => state), ["running", "running", "running"]);
  for (const fake of old) fake.answer();
  for (const call of running) assert.match(await endOf(call), /^ok/);
  await until(() => it.pool.workers.length === 3, "the old ones are gone");
  assert.ok(old.every(({ ended, signals }) => ended && signals.length === 0));
  assert.equal(it.launcher.alive.length, 3);
  assert.deepEqual([it.pool.stats.recycled, it.pool.stats.restarts], [3, 3]);
});

Deno.test("Pool.reload() tries the new code with one worker before it starts the others", async () => {
  await using it = await startOld({ size: 4 });
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  reload(it);
  await until(() => it.launcher.starting === 1, "one is starting");
  for (let i = 0; i < 5; i++) await nextTurn();
  assert.equal(it.launcher.launches, 5);
  assert.deepEqual(offered(it), OLD);
  assert.match(await endOf(it.submit("old")), /^ok/);
  barrier.resolve();
  await until(() => it.launcher.alive.length === 4 && it.launcher.launches === 8, "all are new");
  assert.deepEqual(offered(it), NEW);
});

Deno.test("Pool.reload() with code that cannot be loaded keeps the old workers, and shows why", async () => {
  await using it = await startOld({ size: 2 });
  it.launcher.failures = { always: "Cannot start worker: SyntaxError" };
  reload(it, "texts.py");
  await until(() => it.pool.code.reload?.state === "failed", "it was tried");
  await until(() => it.launcher.launches >= 4, "it was tried again");
  const { state, files, reason } = it.pool.code.reload ?? {};
  assert.deepEqual(
    { state, files, reason },
    { state: "failed", files: ["texts.py"], reason: "Cannot start worker: SyntaxError" },
  );
  assert.deepEqual([it.pool.state, it.pool.reason, it.pool.failures], ["ready", undefined, 0]);
  assert.match(await endOf(it.submit("old")), /^ok/);
  assert.equal(it.pool.workers.filter(({ state }) => state === "ready").length, 2);
});

Deno.test("Pool.reload() after a failed one tries the code at once, without a pause", async () => {
  await using it = await startOld({ size: 2 });
  it.launcher.failures = { always: "SyntaxError" };
  for (let edit = 0; edit < 30; edit++) {
    const { launches } = it.launcher;
    reload(it);
    await until(() => it.launcher.launches > launches, "it was tried");
    await until(() => it.pool.code.reload?.state === "failed", "it failed");
  }
  it.launcher.failures = [];
  reload(it, "texts.py");
  assert.match(await endOf(it.submit("echo")), /^ok/);
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is served");
  assert.deepEqual(it.pool.code.reload?.reason, undefined);
  await until(() => it.pool.workers.length === 2 && it.launcher.alive.length === 2, "all are new");
  assert.deepEqual(offered(it), NEW);
});

Deno.test("Pool.reload() during a reload abandons starting workers and serves the newest code", async () => {
  await using it = await startOld({ size: 3 });
  it.launcher.barrier = new Promise(() => {});
  it.launcher.tools = ["stale"];
  reload(it, "a.py");
  await until(() => it.launcher.starting === 1, "a successor is starting");
  it.launcher.barrier = undefined;
  it.launcher.tools = NEW;
  reload(it, "b.py");
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is served");
  assert.deepEqual(it.pool.code.reload?.files, ["a.py", "b.py"]);
  await until(() => it.pool.workers.length === 3 && it.launcher.alive.length === 3, "all are new");
  assert.ok(it.pool.workers.every(({ toolNames }) => toolNames.has("new")));
});

Deno.test("Pool.reload() at any moment of another leaves workers of the newest code only", async () => {
  for (let turns = 0; turns < 40; turns++) {
    await using it = await startOld({ size: 3, startConcurrency: 2 });
    const call = it.submit("hold");
    await microtasks();
    const fake = it.workerRunning(call);
    reload(it);
    for (let i = 0; i < turns; i++) await undefined;
    it.launcher.tools = ["newest"];
    reload(it);
    fake.answer();
    assert.match(await endOf(call), /^ok/);
    await until(() => it.pool.code.reload?.state === "loaded", "the newest code is served");
    await until(
      () => it.pool.workers.length === 3 && it.launcher.alive.length === 3,
      "all old workers are gone",
    );
    await until(() => it.pool.workers.every((worker) => worker.state === "ready"), "all are ready");
    assert.ok(it.pool.workers.every(({ toolNames }) => toolNames.has("newest")), `turn ${turns}`);
    assert.equal(it.pool.code.reload?.state, "loaded");
  }
});

Deno.test("Pool.reload() during Pool.recycle() also replaces the successors", async () => {
  for (let turns = 0; turns < 30; turns++) {
    await using it = await startOld({ size: 3 });
    it.launcher.tools = ["stale"];
    const recycled = it.pool.recycle(undefined);
    for (let i = 0; i < turns; i++) await undefined;
    it.launcher.tools = NEW;
    reload(it);
    await recycled;
    await until(
      () => it.pool.workers.length === 3 && it.pool.workers.every(({ state }) => state === "ready"),
      "it has settled",
    );
    assert.ok(it.pool.workers.every(({ toolNames }) => toolNames.has("new")), `turn ${turns}`);
  }
});

Deno.test("Pool.recycle() of all workers also replaces successors that another recycle is starting", async () => {
  await using it = await startOld({ size: 2 });
  it.launcher.barrier = new Promise(() => {});
  it.launcher.tools = ["stale"];
  const first = it.pool.recycle(undefined);
  await until(() => it.launcher.starting === 1, "a successor is starting");
  it.launcher.barrier = undefined;
  it.launcher.tools = NEW;
  await Promise.all([it.pool.recycle(undefined), first]);
  await until(() => it.pool.workers.every(({ state }) => state === "ready"), "all are ready");
  assert.ok(it.pool.workers.every(({ toolNames }) => toolNames.has("new")));
});

Deno.test("Pool.reload() of a pool that has no worker yet starts some at once, and calls wait for them", async () => {
  await using it = new FakePool({ size: 2 });
  it.launcher.failures = { always: "SyntaxError" };
  await it.pool.start();
  assert.equal(it.pool.state, "unhealthy");
  it.launcher.failures = [];
  reload(it);
  assert.equal(it.pool.state, "starting");
  assert.match(await endOf(it.submit("echo")), /^ok/);
  assert.equal(it.pool.code.reload?.state, "loaded");
});

Deno.test("Pool.reload() of a pool that has no worker yet leaves it unhealthy when the new code is broken too", async () => {
  await using it = new FakePool({ size: 3 });
  it.launcher.failures = { always: "SyntaxError" };
  await it.pool.start();
  for (let edit = 0; edit < 5; edit++) {
    reload(it);
    const waiting = it.submit("echo");
    assert.equal(await endOf(waiting), "pool_unhealthy");
    await until(() => it.pool.code.reload?.state === "failed", "it failed");
  }
});

Deno.test("Pool.reload() while the pool starts does not make it unhealthy", async () => {
  for (let turns = 0; turns < 20; turns++) {
    await using it = new FakePool({ size: 2 });
    const states: string[] = [];
    it.pool.onTransition(({ to }) => states.push(to));
    const started = it.pool.start();
    for (let i = 0; i < turns; i++) await undefined;
    reload(it);
    await started;
    await until(() => it.pool.state === "ready", "it is ready");
    assert.deepEqual(states, ["ready"], `turn ${turns}`);
  }
});

Deno.test("Pool.reload() ends quarantines and forgets poison", async () => {
  await using it = await FakePool.start({
    size: 2,
    taintAfter: 1,
    taintMs: 3_600_000,
    poisonAfter: 1,
    poisonMs: 3_600_000,
  });
  assert.equal(await endOf(it.submit("die")), "poison_call");
  await until(() => it.pool.tainted.length === 1, "its slot is empty");
  assert.throws(() => it.submit("die"), { code: "poison_call" });
  reload(it);
  await until(() => it.pool.code.reload?.state === "loaded", "the new code is served");
  assert.deepEqual(it.pool.tainted, []);
  await until(() => it.launcher.alive.length === 2, "its slot is filled");
  assert.equal(await endOf(it.submit("die")), "poison_call", "it was sent to a worker again");
});

Deno.test("Pool.code notifies of new code once, with added, removed and changed tools", async () => {
  await using it = await startOld({ size: 3 });
  const events = eventsOf(it);
  reload(it);
  await until(() => it.launcher.launches === 6 && it.launcher.alive.length === 3, "all are new");
  assert.deepEqual(events, [
    { pool: "p", reloaded: true, tools: { added: ["new"], removed: ["old"], changed: [] } },
  ]);
});

Deno.test("Pool.reload() that fails logs one heading and the reason, once for all attempts", async () => {
  await using log = new LogSink();
  await using it = new FakePool({ size: 3, dev: true });
  it.launcher.failures = { always: "Cannot start worker\n  File texts.py, line 13" };
  await it.pool.start();
  await until(() => it.launcher.launches > 6, "each was tried again");
  const count = async (text: string): Promise<number> => (await log.text()).split(text).length - 1;
  assert.equal(await count("has no worker until its code is repaired:"), 1);
  assert.equal(await count("File texts.py, line 13"), 1);
  it.launcher.failures = [];
  reload(it, "texts.py");
  await until(() => it.pool.code.reload?.state === "loaded", "it is repaired");
  assert.match(
    await log.text(),
    /INFO {2}pool {2}reloaded pool p in \d+\.\d s \(texts\.py\): tools \+echo /,
  );
  it.launcher.failures = { always: "Cannot start worker\n  File texts.py, line 14" };
  reload(it, "texts.py", "b.py", "c.py", "d.py");
  await until(() => it.launcher.launches > 15, "it was tried again");
  assert.match(
    await log.text(),
    /keeps its old workers, since the new code \(texts\.py, b\.py, c\.py and 1 more\) cannot be load/,
  );
  assert.equal(await count("File texts.py, line 14"), 1);
});

Deno.test("Pool.reload() of a pool that stops does nothing", async () => {
  await using it = await FakePool.start();
  await it.pool.stop();
  reload(it);
  assert.equal(it.pool.code.reload, undefined);
});

Deno.test("Pool.stop() ends old and new workers at every stage of a reload", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const it = await startOld({ size: 2, drainMs: 5 });
    const call = it.submit("hold");
    await microtasks();
    if (turns % 3 === 2) it.launcher.failures = { always: "SyntaxError" };
    reload(it);
    for (let i = 0; i < turns; i++) await undefined;
    await it.pool.stop();
    await endOf(call);
    assert.deepEqual([it.launcher.alive, it.pool.workers, it.launcher.starting], [[], [], 0]);
  }
});
