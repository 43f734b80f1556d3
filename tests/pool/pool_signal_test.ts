/**
 * Tests that a call leaves no listeners on a signal that outlives it, such as the signal of a
 * program or a connection.
 */
import assert from "node:assert/strict";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { WatchedSignal } from "../fixtures/fakes/watched_signal.ts";
import { microtasks, until } from "../fixtures/until.ts";

Deno.test("Pool.submit() leaves no listener on the signal of a call that was answered or failed", async () => {
  await using it = await FakePool.start();
  const watched = new WatchedSignal();
  const { signal } = watched;
  const running = it.submit("hold", { signal });
  await microtasks();
  assert.equal(watched.listeners, 1, "a running call listens");
  it.workerRunning(running).answer();
  for (let i = 0; i < 100; i++) await endOf(it.submit("echo", { signal }));
  assert.equal(await endOf(it.submit("raise", { signal })), "python_exception");
  assert.equal(watched.listeners, 0);
});

Deno.test("Pool.submit() leaves no listener on the signal of a call whose worker died", async () => {
  await using it = await FakePool.start({ poisonAfter: 9 });
  const watched = new WatchedSignal();
  assert.equal(
    await endOf(it.submit("die", { signal: watched.signal, idempotent: false })),
    "worker_crashed",
  );
  assert.equal(watched.listeners, 0);
  // Once more in each of its workers.
  const again = it.submit("die", { signal: watched.signal, idempotent: true });
  assert.equal(await endOf(again), "worker_crashed");
  assert.equal(watched.listeners, 0);
});

Deno.test("Pool.submit() leaves no listener on the signal of a call whose deadline passed", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ pipelineBudgetMs: 0 }, {}, { clock });
  const watched = new WatchedSignal();
  const { signal } = watched;
  const running = it.submit("hold", { signal, timeoutMs: 1_000 });
  const queued = it.submit("echo", { signal, timeoutMs: 1_000 });
  await microtasks();
  assert.equal(watched.listeners, 2);
  clock.advance(2_000);
  assert.equal(await endOf(running), "deadline_exceeded");
  assert.equal(await endOf(queued), "deadline_exceeded");
  assert.equal(watched.listeners, 0);
});

Deno.test("Pool.submit() leaves no listener on the signal of a call that it refused or rejected", async () => {
  const it = await FakePool.start({ queueLimit: 1, pipelineBudgetMs: 0 });
  const watched = new WatchedSignal();
  const { signal } = watched;
  const running = it.submit("hold", { signal });
  const queued = it.submit("echo", { signal });
  await microtasks();
  assert.throws(() => it.submit("echo", { signal }), { code: "pool_saturated" });
  assert.equal(watched.listeners, 2);
  await it[Symbol.asyncDispose]();
  assert.equal(await endOf(queued), "shutting_down");
  assert.doesNotMatch(await endOf(running), /^ok/);
  assert.equal(watched.listeners, 0);
});

Deno.test("Pool.submit() ends every call of one signal when that aborts", async () => {
  await using it = await FakePool.start({ pipelineBudgetMs: 0 });
  const watched = new WatchedSignal();
  const { signal } = watched;
  const calls = [it.submit("hold", { signal }), it.submit("echo", { signal })];
  await until(() => calls[0]?.state === "running", "the first call runs");
  watched.abort(new Error("left"));
  assert.deepEqual(await Promise.all(calls.map(endOf)), ["Error: left", "Error: left"]);
});
