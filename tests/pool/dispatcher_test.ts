import assert from "node:assert/strict";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks } from "../fixtures/until.ts";

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
