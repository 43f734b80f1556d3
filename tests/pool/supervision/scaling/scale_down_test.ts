import assert from "node:assert/strict";
import { endOf, FakePool, type FakePoolOptions } from "../../../fixtures/fakes/fake_pool.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { microtasks, until } from "../../../fixtures/until.ts";

const TTL_MS = 1_000;

/** Starts a pool of 1 to 4 workers with a clock of the test, in which all four are ready. */
async function full(options: FakePoolOptions = {}): Promise<{ it: FakePool; clock: FakeClock }> {
  const clock = new FakeClock();
  const it = await FakePool.start({ size: 4, min: 1, idleTtlMs: TTL_MS, ...options }, {}, {
    clock,
  });
  await it.pool.startAhead(-1);
  return { it, clock };
}

function ids(it: FakePool): string[] {
  return it.pool.serving.map(({ id }) => id).sort();
}

Deno.test("Pool ends workers that are idle beyond idleTtlMs down to min, never below, and never a busy one", async () => {
  const { it, clock } = await full();
  await using _ = it;
  const busy = it.submit("hold");
  await until(() => it.launcher.alive.some(({ running }) => running), "it runs");
  clock.advance(TTL_MS - 8);
  await microtasks();
  assert.equal(it.launcher.alive.length, 4);
  clock.advance(16);
  await until(() => it.launcher.alive.length === 1, "one is left");
  assert.deepStrictEqual(ids(it), [busy.attempt?.workerId]);
  it.workerRunning(busy).answer();
  await endOf(busy);
  clock.advance(10 * TTL_MS);
  await microtasks();
  assert.equal(it.launcher.alive.length, 1);
});

Deno.test("Pool ends the worker first that was used least recently", async () => {
  const { it, clock } = await full({ min: 3 });
  await using _ = it;
  clock.advance(500);
  // The worker that was idle for the shortest time takes the call.
  assert.equal(await endOf(it.submit("echo")), "ok p-4");
  assert.equal(await endOf(it.submit("echo")), "ok p-4");
  clock.advance(TTL_MS - 400);
  await until(() => it.launcher.alive.length === 3, "one has ended");
  assert.ok(ids(it).includes("p-4"));
});

Deno.test("Pool with min 0 ends its last worker, is ready without one, and starts another for the next call", async () => {
  const { it, clock } = await full({ min: 0 });
  await using _ = it;
  clock.advance(TTL_MS + 8);
  await until(() => it.launcher.alive.length === 0 && it.pool.isAtRest, "it rests");
  assert.deepStrictEqual([it.pool.state, it.pool.occupied], ["ready", 0]);
  assert.match(await endOf(it.submit("echo")), /^ok/);
  assert.equal(it.pool.stats.restarts, 0);
});

Deno.test("Pool keeps spare workers idle ahead of the busy ones, within max", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 4, min: 0, spare: 2, idleTtlMs: TTL_MS }, {}, {
    clock,
  });
  assert.equal(it.pool.serving.length, 2);
  const calls = [it.submit("hold"), it.submit("hold")];
  await until(() => it.pool.serving.length === 4, "two more are kept ready");
  const third = it.submit("hold");
  await microtasks();
  assert.equal(it.launcher.launches, 4);
  for (const call of [...calls, third]) {
    await until(() => it.launcher.alive.filter(({ running }) => running).length > 0, "some run");
    it.workerRunning(call).answer();
    await endOf(call);
  }
  clock.advance(TTL_MS + 8);
  await until(() => it.launcher.alive.length === 2, "the spare ones stay");
});

Deno.test("Pool does not end a worker with a strict session before the session's time is up", async () => {
  const { it, clock } = await full({ min: 0, affinityTtlMs: 5 * TTL_MS });
  await using _ = it;
  const session = { sessionId: "s", affinity: "strict_queue" } as const;
  const first = await endOf(it.submit("echo", session));
  clock.advance(TTL_MS + 8);
  await until(() => it.launcher.alive.length === 1, "the others have ended");
  assert.equal(await endOf(it.submit("echo", session)), first);
  assert.deepStrictEqual(it.pool.cleanIdle(), []);
  for (let i = 0; i < 8; i++) clock.advance(TTL_MS);
  await until(() => it.pool.isAtRest, "the session is forgotten");
});

Deno.test("Pool.yieldWorker() never ends a worker with a strict session", async () => {
  const { it } = await full({ min: 0 });
  await using _ = it;
  const session = { sessionId: "s", affinity: "strict_queue" } as const;
  const first = await endOf(it.submit("echo", session));
  const yielded = [1, 2, 3, 4].map(() => it.pool.yieldWorker({ mayBeBusy: true }));
  assert.deepStrictEqual(yielded, [true, true, true, false]);
  await until(() => it.launcher.alive.length === 1, "the others have ended");
  assert.equal(await endOf(it.submit("echo", session)), first);
});

Deno.test("Pool.resize() that ends the worker of a strict session lets the session learn why", async () => {
  const { it } = await full({ min: 0 });
  await using _ = it;
  const sessions = ["a", "b", "c", "d"].map((sessionId) =>
    ({ sessionId, affinity: "strict_queue" }) as const
  );
  for (const session of sessions) await endOf(it.submit("echo", session));
  it.pool.resize({ min: 1, max: 1 });
  await until(() => it.launcher.alive.length === 1, "one is left");
  const ends = await Promise.allSettled(
    sessions.map(async (session) => {
      try {
        await it.submit("echo", session).outcome;
        return "ok";
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
    }),
  );
  const lost = ends.filter((end) =>
    (end.status === "rejected" ? String(end.reason) : end.value)
      .includes("was ended: its pool was made smaller")
  );
  assert.equal(lost.length, 3);
});

Deno.test("Pool with whenBusy fail refuses a call at once if no worker is free and none may be started", async () => {
  await using it = await FakePool.start({ size: 2, min: 0, whenBusy: "fail" });
  const calls = [it.submit("hold"), it.submit("hold")];
  await until(() => calls.every(({ state }) => state === "running"), "both run");
  assert.throws(() => it.submit("hold"), {
    code: "pool_saturated",
    message: "Cannot call hold: no worker of the pool p is free, and none may be started",
  });
  const waiting = it.submit("echo", { whenBusy: "wait" });
  it.launcher.alive[0]?.answer();
  assert.match(await endOf(waiting), /^ok/);
});

Deno.test("A call says whenBusy for itself, and is refused while its pool is paused", async () => {
  await using it = await FakePool.start({ size: 1 });
  it.pool.pause();
  assert.throws(() => it.submit("echo", { whenBusy: "fail" }), {
    code: "pool_saturated",
    message: "Cannot call echo: the pool p is paused",
  });
});

Deno.test("A call whose deadline passes during a cold start says that the worker was still starting", async () => {
  await using it = await FakePool.start({ size: 1, min: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  it.launcher.barrier = promise;
  await assert.rejects(it.submit("echo", { timeoutMs: 20 }).outcome, {
    code: "deadline_exceeded",
    message: "Cannot run echo: no worker was free within its deadline of 20 ms: " +
      "its worker was still starting",
  });
  resolve();
});

Deno.test("A pool at rest fails the call that its first worker cannot be started for, with the reason, and tries again", async () => {
  await using it = await FakePool.start({ size: 2, min: 0 });
  it.launcher.failures = ["no module named texts"];
  assert.equal(await endOf(it.submit("echo")), "pool_unhealthy");
  await until(() => it.pool.state === "ready" && it.pool.serving.length === 1, "it recovers");
  assert.match(await endOf(it.submit("echo")), /^ok/);
});

Deno.test("Two hundred calls of an elastic pool that scales to zero between them leave no worker and no alarm", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 3, min: 0, idleTtlMs: 10 }, {}, { clock });
  for (let i = 0; i < 200; i++) {
    assert.match(await endOf(it.submit("echo")), /^ok/);
    clock.advance(20);
    await until(() => it.pool.isAtRest && it.pool.occupied === 0, "it rests");
    it.launcher.workers.length = 0;
  }
  assert.deepStrictEqual([it.launcher.living, it.pool.workers.length], [0, 0]);
  clock.advance(100_000);
  assert.equal(clock.pending, 0);
});
