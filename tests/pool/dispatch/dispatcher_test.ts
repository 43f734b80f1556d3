import assert from "node:assert/strict";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../../fixtures/until.ts";

for (const pipelineBudgetMs of [0, 1]) {
  Deno.test(`Dispatcher gives a call to the worker that became idle last, with a budget of ${pipelineBudgetMs} ms`, async () => {
    await using it = await FakePool.start({ size: 3, pipelineBudgetMs });
    const held = Array.from({ length: 3 }, () => it.submit("hold"));
    await microtasks();
    const workers = held.map((call) => it.workerRunning(call));
    assert.equal(new Set(workers).size, 3);
    const [first, second, third] = workers;
    for (const worker of [second, first, third]) {
      worker?.answer();
      await microtasks();
    }
    // One caller at a time finds the worker whose memory is warm, and the others sleep on.
    const last = `ok ${held[2]?.attempt?.workerId}`;
    for (let i = 0; i < 5; i++) assert.equal(await endOf(it.submit("echo")), last);
    const again = Array.from({ length: 3 }, () => it.submit("hold"));
    await microtasks();
    assert.deepEqual(again.map((call) => it.workerRunning(call)), [third, first, second]);
  });
}

Deno.test("Dispatcher gives a call to a busy worker that is almost done rather than wake another one", async () => {
  await using it = await FakePool.start({ size: 2 }, { runMs: 0.01 });
  // From here on the run time is known.
  for (let i = 0; i < 20; i++) await endOf(it.submit("echo"));
  const pair = [it.submit("echo"), it.submit("echo")].map(endOf);
  const [first, second] = await Promise.all(pair);
  assert.equal(first, second);
});

Deno.test("Dispatcher gives one call at a time to a worker that waits for a successor", async () => {
  await using it = await FakePool.start({ pipelineBudgetMs: 0 });
  const [worker] = it.pool.workers;
  assert.ok(worker);
  it.launcher.failures = { always: "no memory" };
  const stopped = it.pool.stopWorker(worker);
  await until(() => it.launcher.launches === 3, "two successors were tried");
  const held = [it.submit("hold"), it.submit("hold")];
  await microtasks();
  assert.deepEqual(held.map(({ state }) => state), ["running", "queued"]);
  it.launcher.failures = [];
  for (const call of held) {
    await until(() => call.state === "running", "its turn has come");
    it.workerRunning(call).answer();
  }
  await stopped;
});

for (const pipelineBudgetMs of [0, 1]) {
  Deno.test(`Dispatcher gives calls to workers that offer their tools while code is replaced, with a budget of ${pipelineBudgetMs} ms`, async () => {
    await using it = new FakePool({ size: 2, pipelineBudgetMs });
    it.launcher.tools = ["hold", "echo", "old"];
    await it.pool.start();
    it.launcher.tools = ["hold", "echo", "new"];
    const [first] = it.pool.workers;
    assert.ok(first);
    await it.pool.stopWorker(first);
    // One worker has the old code now, the other one the new code.
    const byTool = async (tool: string): Promise<Set<string>> =>
      new Set(await Promise.all(Array.from({ length: 8 }, () => endOf(it.submit(tool)))));
    const [old, fresh] = [await byTool("old"), await byTool("new")];
    assert.deepEqual([old.size, fresh.size], [1, 1], "each tool has one worker");
    assert.notDeepEqual(old, fresh);
    assert.deepEqual(await byTool("gone"), new Set(["unknown_tool"]), "it is refused by a worker");
    const held = [it.submit("hold"), it.submit("hold")];
    await microtasks();
    // Both are busy: what waits for one of them does not keep the other from working.
    const waiting = ["old", "old", "new", "echo"].map((tool) => it.submit(tool));
    const busyWithNew = held.find((call) => fresh.has(`ok ${call.attempt?.workerId}`));
    assert.ok(busyWithNew);
    it.workerRunning(busyWithNew).answer();
    const [, , calledNew, common] = waiting;
    assert.ok(calledNew && common);
    assert.deepEqual(new Set([await endOf(calledNew), await endOf(common)]), fresh);
    assert.deepEqual(waiting.map(({ state }) => state), ["queued", "queued", "settled", "settled"]);
    for (const call of held) if (call !== busyWithNew) it.workerRunning(call).answer();
    for (const call of waiting.slice(0, 2)) assert.deepEqual(new Set([await endOf(call)]), old);
  });
}

Deno.test("Dispatcher lets a worker refuse calls of a tool that no worker offers any more", async () => {
  await using it = new FakePool();
  it.launcher.tools = ["hold", "old"];
  await it.pool.start();
  const held = it.submit("hold");
  await microtasks();
  const fake = it.workerRunning(held);
  const waiting = Array.from({ length: 5 }, () => it.submit("old"));
  it.launcher.tools = ["hold", "new"];
  const done = it.pool.recycle(undefined);
  for (const call of waiting) assert.equal(await endOf(call), "unknown_tool");
  assert.equal(held.state, "running");
  fake.answer();
  await done;
  assert.equal(await endOf(held), "ok p-1");
});
