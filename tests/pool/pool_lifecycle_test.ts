/**
 * The state of a pool as its workers come and go: each arrow of PoolLifecycle, driven from outside.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PoolTransition } from "../../src/pool/mod.ts";
import { endOf, FakePool, type FakePoolOptions } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";

/** The arrows that a pool has gone so far. */
function watch({ pool }: FakePool): string[] {
  const arrows: string[] = [];
  pool.onTransition(({ from, to }: PoolTransition) => void arrows.push(`${from}>${to}`));
  return arrows;
}

async function started(options: FakePoolOptions = {}): Promise<[FakePool, string[]]> {
  const it = new FakePool(options);
  const arrows = watch(it);
  await it.pool.start();
  return [it, arrows];
}

Deno.test("Pool goes from starting to ready with its first worker, then to stopping and stopped", async () => {
  const [it, arrows] = await started({ size: 3 });
  await it.pool.stop();
  await it.pool.stop();
  assert.deepStrictEqual(arrows, ["starting>ready", "ready>stopping", "stopping>stopped"]);
});

Deno.test("Pool goes from starting to stopping when it is stopped before it starts", async () => {
  const it = new FakePool();
  const arrows = watch(it);
  await it.pool.stop();
  assert.deepStrictEqual(arrows, ["starting>stopping", "stopping>stopped"]);
});

Deno.test("Pool goes from starting to unhealthy to ready when its first starts fail", async () => {
  const it = new FakePool();
  it.launcher.failures = ["one"];
  const arrows = watch(it);
  const waiting = it.submit("echo");
  await it.pool.start();
  assert.deepStrictEqual(arrows, ["starting>unhealthy"]);
  assert.equal(await endOf(waiting), "pool_unhealthy");
  await until(() => it.pool.state === "ready", "the pool has recovered");
  await it.pool.stop();
  assert.deepStrictEqual(arrows.slice(1), [
    "unhealthy>ready",
    "ready>stopping",
    "stopping>stopped",
  ]);
});

Deno.test("Pool goes from unhealthy to stopping", async () => {
  const it = new FakePool();
  it.launcher.failures = { always: "no" };
  const arrows = watch(it);
  await it.pool.start();
  await it.pool.stop();
  assert.deepStrictEqual(arrows, [
    "starting>unhealthy",
    "unhealthy>stopping",
    "stopping>stopped",
  ]);
});

Deno.test("Pool goes from ready to starting when its last worker is gone, and not before", async () => {
  const [it, arrows] = await started({ size: 2 });
  await using _ = it;
  const barrier = Promise.withResolvers<void>();
  it.launcher.barrier = barrier.promise;
  const [first, second] = it.launcher.workers;
  first?.exit({ signal: "SIGKILL" });
  await until(() => it.pool.serving.length === 1, "one is gone");
  assert.equal(it.pool.state, "ready");
  second?.exit({ signal: "SIGKILL" });
  await until(() => it.pool.state === "starting", "both are gone");
  const waiting = it.submit("echo");
  barrier.resolve();
  assert.match(await endOf(waiting), /^ok/);
  assert.deepStrictEqual(arrows, ["starting>ready", "ready>starting", "starting>ready"]);
});

Deno.test("Pool goes from ready to unhealthy when its last worker leaves after too many failures, and its queue is rejected", async () => {
  const [it, arrows] = await started({ size: 2 });
  await using _ = it;
  const [first, second] = it.launcher.workers;
  it.launcher.failures = { always: "no memory" };
  first?.exit({ signal: "SIGKILL" });
  await until(() => it.pool.failures >= 3, "starts in its slot have failed");
  assert.equal(it.pool.state, "ready");
  const running = it.submit("hold");
  const waiting = it.submit("hold");
  await microtasks();
  second?.leave();
  assert.equal(it.pool.state, "unhealthy");
  assert.equal(await endOf(waiting), "pool_unhealthy");
  assert.equal(it.pool.queued, 0);
  // It still answers what it runs, and that proves that the pool can work.
  second?.answer();
  assert.match(await endOf(running), /^ok/);
  assert.deepStrictEqual(arrows.slice(0, 3), [
    "starting>ready",
    "ready>unhealthy",
    "unhealthy>starting",
  ]);
});

Deno.test("Pool does not become unhealthy if a worker ends before its last answer is read", async () => {
  const [it, arrows] = await started({ size: 2, pipelineBudgetMs: 0 });
  await using _ = it;
  const [first, second] = it.launcher.workers;
  it.launcher.failures = { always: "no memory" };
  first?.exit({ signal: "SIGKILL" });
  await until(() => it.pool.failures >= 3, "starts in its slot have failed");
  it.launcher.failures = [];
  const running = it.submit("hold");
  const waiting = it.submit("echo");
  await microtasks();
  assert.ok(second?.running);
  // The process ends first; its answer comes out of the stream afterwards.
  const { carrier } = second;
  const endStream = carrier.end.bind(carrier);
  carrier.end = () => {};
  const { id } = second.running;
  second.exit({ exitCode: 7 });
  await microtasks();
  assert.equal(it.pool.state, "starting");
  carrier.deliver({ result: { id, value: { json: new TextEncoder().encode("1") }, runMs: 1 } });
  endStream();
  assert.match(await endOf(running), /^ok/);
  assert.match(await endOf(waiting), /^ok/);
  assert.deepStrictEqual(arrows, ["starting>ready", "ready>starting", "starting>ready"]);
});

Deno.test("Pool goes to unhealthy when its last worker dies before its first answer after too many failures", async () => {
  const [it, arrows] = await started({ size: 2, pipelineBudgetMs: 0 });
  await using _ = it;
  const [first, second] = it.launcher.workers;
  it.launcher.failures = { always: "no memory" };
  first?.exit({ signal: "SIGKILL" });
  await until(() => it.pool.failures >= 3, "starts in its slot have failed");
  it.launcher.barrier = new Promise(() => {});
  const lost = it.submit("hold");
  const waiting = it.submit("echo");
  await microtasks();
  second?.exit({ exitCode: 7 });
  assert.equal(await endOf(lost), "worker_crashed");
  assert.equal(await endOf(waiting), "pool_unhealthy");
  assert.deepStrictEqual(arrows, ["starting>ready", "ready>starting", "starting>unhealthy"]);
});

Deno.test("Pool stays ready while a successor takes over from its only worker", async () => {
  const [it, arrows] = await started();
  await using _ = it;
  await it.pool.recycle(it.pool.workers);
  assert.deepStrictEqual(arrows, ["starting>ready"]);
});

Deno.test("Pool.state agrees with its workers at every step", async () => {
  const step = fc.constantFrom("kill", "segfault", "leave", "answer", "call", "fail", "mend");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, seed) => {
      const it = await FakePool.start({ size: 2 });
      const arrows = watch(it);
      for (const [i, name] of steps.entries()) {
        const { alive } = it.launcher;
        const worker = alive[(seed + i) % Math.max(1, alive.length)];
        if (name === "kill") worker?.exit({ signal: "SIGKILL" });
        else if (name === "segfault") worker?.exit({ signal: "SIGSEGV" });
        else if (name === "leave") worker?.leave();
        else if (name === "answer" && worker?.running) worker.answer();
        else if (name === "fail") it.launcher.failures = ["no", "no", "no"];
        else if (name === "mend") it.launcher.failures = [];
        else if (name === "call" && it.pool.state !== "unhealthy") it.submit("hold");
        await microtasks();
        const { state, serving, queued, reason } = it.pool;
        assert.equal(state === "ready", serving.length > 0, `${state} with ${serving.length}`);
        if (state === "unhealthy") {
          assert.deepStrictEqual([queued, reason === undefined], [0, false]);
        }
      }
      const stopped = it.pool.stop({ drainMs: 0 });
      await it.pool.stop({ drainMs: 0 });
      await stopped;
      assert.deepStrictEqual(arrows.slice(-2).map((arrow) => arrow.split(">")[1]), [
        "stopping",
        "stopped",
      ]);
    }),
    { numRuns: 60 },
  );
});
