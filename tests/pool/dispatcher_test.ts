import assert from "node:assert/strict";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";

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

Deno.test("Dispatcher gives a call to a busy worker that is all but done, before it wakes another one", async () => {
  await using it = await FakePool.start({ size: 2 }, { runMs: 0.01 });
  // From here on the run time is known.
  for (let i = 0; i < 20; i++) await endOf(it.submit("echo"));
  const pair = [it.submit("echo"), it.submit("echo")].map(endOf);
  const [first, second] = await Promise.all(pair);
  assert.equal(first, second);
});

Deno.test("Dispatcher gives one call at a time to a worker that keeps its slot for want of a successor", async () => {
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
