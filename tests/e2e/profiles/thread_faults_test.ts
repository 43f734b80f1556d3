/** Tests calls of threads that do not stop, crashes, and pools that cannot have threads. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../../mod.ts";
import { isAlive, startDen } from "../../fixtures/host.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { until } from "../../fixtures/until.ts";
import { CARRIERS, startThreads } from "./thread_den.ts";

/** Ways in which a call does not stop. */
const STUCK = [["sleep", { seconds: 600 }], ["swallow", {}]] as const;

for (const carrier of CARRIERS) {
  for (const [tool, args] of STUCK) {
    Deno.test(`a call of '${tool}' that cannot be stopped takes its place until its worker is replaced, and its neighbours finish (${carrier})`, async () => {
      await using log = new LogSink();
      await using it = await startThreads({ carrier, cancelGraceMs: 50 });
      const { den } = it;
      const [old] = den.workers.list();
      const neighbours = ["one", "two"].map((name) => it.begin("hold", name));
      await it.begun("one", "two");
      await assert.rejects(it.begin(tool, "stuck", args, { timeoutMs: 300 }), {
        code: "deadline_exceeded",
      });
      const warned = await until(
        () => den.workers.list().find(({ warnings }) => warnings?.includes("call_stuck")),
        "the worker warns",
      );
      assert.deepEqual([warned.pid, warned.replaceCause], [old?.pid, "call_stuck"]);
      // The successor takes new calls, while the old worker finishes its own.
      const successor = await until(
        () =>
          den.workers.list().find(({ pid, state }) => pid !== old?.pid && state === "ready")?.pid,
        "the successor is ready",
      );
      assert.equal(await den.execute("pid", {}), successor);
      assert.ok(isAlive(old?.pid ?? 0));
      await it.go("one", "two");
      assert.deepEqual(await Promise.all(neighbours), [old?.pid, old?.pid]);
      await until(() => !isAlive(old?.pid ?? 0), "the old worker is gone");
      const { crashes, stats } = den.pools.get("default");
      assert.deepEqual([crashes.total, stats.recycled], [0, 1]);
      const text = await log.text();
      assert.match(
        text,
        new RegExp(
          `default-1 has lost a place and is replaced: ${tool} did not stop within 50 ms after`,
        ),
      );
      assert.match(text, new RegExp(`replacing default-1: ${tool} did not stop when it was told`));
    });
  }

  Deno.test(`a worker in which only stuck calls are left is killed at once (${carrier})`, async () => {
    await using it = await startThreads({ carrier, cancelGraceMs: 50, threadsPerWorker: 2 });
    const [old] = it.den.workers.list();
    const stuck = ["one", "two"].map((name) =>
      it.begin("sleep", name, { seconds: 600 }, { timeoutMs: 300 })
    );
    for (const call of stuck) await assert.rejects(call, { code: "deadline_exceeded" });
    await until(() => !isAlive(old?.pid ?? 0), "the worker is gone");
    assert.notEqual(await it.den.execute("pid", {}), old?.pid);
  });

  Deno.test(`a crash fails the calls that had begun, and the others run in the next worker (${carrier})`, async () => {
    await using it = await startThreads({ carrier, threadsPerWorker: 2 });
    const [old] = it.den.workers.list();
    const beside = it.begin("hold", "beside");
    await it.begun("beside");
    const dying = it.begin("die", "dying");
    const queued = [0, 1].map(() => it.den.execute("pid", {}));
    for (const call of [beside, dying]) await assert.rejects(call, { code: "worker_crashed" });
    for (const pid of await Promise.all(queued)) assert.notEqual(pid, old?.pid);
  });
}

Deno.test("a call that was given up still frees its place when it ends after all", async () => {
  await using it = await startThreads({ cancelGraceMs: 20, threadsPerWorker: 2 });
  const neighbour = it.begin("hold", "neighbour");
  await it.begun("neighbour");
  const [old] = it.den.workers.list();
  const late = it.begin("sleep", "late", { seconds: 2 }, { timeoutMs: 300 });
  await assert.rejects(late, { code: "deadline_exceeded" });
  const warned = (): boolean =>
    it.den.workers.list().some(({ pid, warnings }) => pid === old?.pid && warnings !== undefined);
  await until(warned, "the worker warns");
  await until(() => !warned(), "the call has ended");
  await it.go("neighbour");
  assert.equal(await neighbour, old?.pid);
});

Deno.test("a host stops within its drain though calls of threads do not", async () => {
  await using it = await startThreads({ drainMs: 100, killGraceMs: 200, cancelGraceMs: 60_000 });
  const [worker] = it.den.workers.list();
  const stuck = it.begin("swallow", "stuck");
  const slow = it.begin("hold", "slow");
  await it.begun("stuck", "slow");
  await it.den.stop();
  for (const call of [stuck, slow]) await assert.rejects(call, SnakedenError);
  assert.ok(!isAlive(worker?.pid ?? 0));
});

Deno.test("an adapter that does not declare thread_safe is refused with what to do", async () => {
  for (
    const [adapter, lacks] of [
      ["prints", "module prints has no `thread_safe = True`"],
      ["counts_locally", "has no `thread_safe = True`"],
    ] as const
  ) {
    await using den = await startDen({ adapter, profile: "thread", size: 1 });
    const { reason = "" } = den.pools.get("default");
    assert.match(reason, /cannot be served by the profile thread/);
    assert.ok(reason.includes(lacks), reason);
    assert.match(reason, /Write `thread_safe = True` in the class or the module/);
    assert.match(reason, /choose the profile process/);
    await assert.rejects(den.execute("say", {}), { code: "worker_start_failed" });
  }
});
