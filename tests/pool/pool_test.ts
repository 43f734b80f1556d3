import assert from "node:assert/strict";
import { ChunkStream } from "../../src/pool/mod.ts";
import { DeadlineExceededError, WorkerCrashedError } from "../../src/errors.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";

const NEVER = new AbortController().signal;

Deno.test("Pool.submit() answers with the value, the worker and the times of the call", async () => {
  await using it = await FakePool.start();
  const outcome = await it.submit("echo", { requestId: "r-1" }).outcome;
  assert.deepStrictEqual(outcome.value.decode(), { tool: "echo" });
  assert.equal(outcome.workerId, "p-1");
  assert.equal(outcome.runMs, 1);
  assert.ok(outcome.durationMs >= outcome.queueMs && outcome.queueMs >= 0);
  assert.deepStrictEqual(it.launcher.workers[0]?.started, ["r-1"]);
});

Deno.test("Pool.submit() gives every call an id of its own", async () => {
  await using it = await FakePool.start();
  const ids = Array.from({ length: 50 }, () => it.submit("echo").id);
  assert.equal(new Set(ids).size, 50);
});

Deno.test("Pool.submit() sends queued calls by priority, and first in, first out within one", async () => {
  await using it = await FakePool.start();
  const first = it.submit("hold");
  for (const [name, priority] of [["a", 0], ["b", 5], ["c", 0], ["d", -10], ["e", 5]] as const) {
    it.submit("echo", { requestId: name, priority });
  }
  await microtasks();
  assert.equal(it.pool.queued, 5);
  it.workerRunning(first).answer();
  await Promise.all(it.calls.map(endOf));
  assert.deepStrictEqual(it.launcher.workers[0]?.started.slice(1), ["b", "e", "a", "c", "d"]);
});

Deno.test("Pool.submit() refuses a call while queueLimit calls wait, and accepts one when one of them is sent", async () => {
  await using it = await FakePool.start({ queueLimit: 2 });
  const running = it.submit("hold");
  it.submit("echo");
  it.submit("echo");
  assert.throws(() => it.submit("echo"), {
    code: "pool_saturated",
    retryable: true,
    message: "Cannot call echo: all workers of the pool p are busy and 2 calls wait",
  });
  assert.equal(it.pool.queued, 2);
  await microtasks();
  it.workerRunning(running).answer();
  await Promise.all(it.calls.map(endOf));
  it.submit("echo");
  const { saturated, refused, requests } = it.pool.stats;
  assert.deepStrictEqual([saturated, refused, requests], [1, 1, 5]);
});

Deno.test("Pool.submit() with a queueLimit of 0 accepts only calls that can run at once", async () => {
  await using it = await FakePool.start({ queueLimit: 0 });
  it.submit("hold");
  assert.throws(() => it.submit("echo"), { code: "pool_saturated" });
});

Deno.test("Pool.submit() throws the reason of a signal that has aborted, and counts it", async () => {
  await using it = await FakePool.start();
  const reason = new Error("left before");
  assert.throws(() => it.submit("echo", { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(it.pool.stats.cancelled, 1);
});

Deno.test("Pool: a call whose caller leaves the queue never runs, and leaves nothing behind", async () => {
  await using it = await FakePool.start({ queueLimit: 1 });
  const running = it.submit("hold");
  const leaving = new AbortController();
  const waiting = it.submit("echo", { signal: leaving.signal, requestId: "left" });
  leaving.abort(new Error("left"));
  assert.equal(await endOf(waiting), "Error: left");
  assert.equal(it.pool.queued, 0);
  const next = it.submit("echo", { requestId: "next" });
  it.workerRunning(running).answer();
  assert.equal(await endOf(next), "ok p-1");
  assert.deepStrictEqual(it.launcher.workers[0]?.started.slice(1), ["next"]);
});

Deno.test("Pool: a call whose deadline passes in the queue never runs, and the error says queue", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({}, {}, { clock });
  const running = it.submit("hold");
  const waiting = it.submit("echo", { timeoutMs: 200, requestId: "late" });
  await microtasks();
  clock.advance(205);
  await assert.rejects(waiting.outcome, (error) => {
    assert.ok(error instanceof DeadlineExceededError);
    assert.equal(error.stage, "queue");
    return true;
  });
  assert.equal(it.pool.queued, 0);
  it.workerRunning(running).answer();
  await endOf(running);
  assert.equal(it.launcher.workers[0]?.started.length, 1);
  assert.equal(it.pool.stats.timedOut, 1);
});

Deno.test("Pool: a call whose deadline passes in the tool is answered, and its slot waits for the work", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ cancelGraceMs: 1_000 }, {}, { clock });
  const running = it.submit("deaf", { timeoutMs: 200 });
  const waiting = it.submit("echo");
  await microtasks();
  clock.advance(310);
  await assert.rejects(running.outcome, { code: "deadline_exceeded", stage: "tool" });
  await microtasks();
  const worker = it.launcher.workers[0];
  assert.equal(worker?.running?.tool, "deaf");
  assert.equal(it.pool.queued, 1, "the slot is not used while the work goes on");
  assert.equal(it.pool.workers[0]?.state, "busy");
  worker?.answer();
  assert.equal(await endOf(waiting), "ok p-1");
  assert.equal(worker?.mostOpen, 1);
});

Deno.test("Pool: a caller that leaves cancels the work, and the worker goes on to the next call", async () => {
  await using it = await FakePool.start();
  const leaving = new AbortController();
  const running = it.submit("hold", { signal: leaving.signal });
  const waiting = it.submit("echo");
  await microtasks();
  leaving.abort(new Error("left"));
  assert.equal(await endOf(running), "Error: left");
  assert.equal(await endOf(waiting), "ok p-1");
  assert.equal(it.launcher.launches, 1);
  const { cancelled, completed } = it.pool.stats;
  assert.deepStrictEqual([cancelled, completed], [1, 1]);
});

Deno.test("Pool: work that ignores its cancellation is killed with its worker, and the slot is filled again", async () => {
  await using it = await FakePool.start({ cancelGraceMs: 10 });
  const leaving = new AbortController();
  const running = it.submit("deaf", { signal: leaving.signal });
  const waiting = it.submit("echo");
  await microtasks();
  leaving.abort(new Error("left"));
  assert.equal(await endOf(running), "Error: left");
  assert.equal(await endOf(waiting), "ok p-1");
  assert.deepStrictEqual(it.launcher.workers[0]?.signals, ["SIGKILL"]);
  assert.deepStrictEqual(it.launcher.workers[0]?.started.length, 1);
  const { cancelled, crashed, restarts } = it.pool.stats;
  assert.deepStrictEqual([cancelled, crashed, restarts], [1, 0, 1]);
});

Deno.test("Pool gives a call to the worker that became idle last, and to the others while it is busy", async () => {
  await using it = await FakePool.start({ size: 3 });
  const order: string[] = [];
  for (let i = 0; i < 6; i++) order.push((await it.submit("echo").outcome).workerId);
  assert.equal(new Set(order).size, 1, order.join());
  const calls = [it.submit("hold"), it.submit("hold"), it.submit("hold")];
  await microtasks();
  for (const worker of it.launcher.alive) worker.answer();
  const workers = await Promise.all(calls.map(async (call) => (await call.outcome).workerId));
  assert.equal(workers[0], order[0]);
  assert.equal(new Set(workers).size, 3, workers.join());
});

Deno.test("Pool runs as many calls at a time as it has workers, one a worker", async () => {
  await using it = await FakePool.start({ size: 3, pipelineBudgetMs: 0 });
  for (let i = 0; i < 5; i++) it.submit("hold");
  await microtasks();
  assert.equal(it.launcher.alive.filter((worker) => worker.running).length, 3);
  assert.equal(it.pool.queued, 2);
  while (it.launcher.alive.some((worker) => worker.running)) {
    for (const worker of it.launcher.alive) if (worker.running) worker.answer();
    await microtasks();
  }
  assert.deepStrictEqual((await Promise.all(it.calls.map(endOf))).map((end) => end.slice(0, 2)), [
    ..."ok ok ok ok ok".split(" "),
  ]);
  assert.ok(it.launcher.workers.every((worker) => worker.mostOpen === 1));
});

Deno.test("Pool: a crash fails exactly the call that ran, with exit and last output, and the slot is refilled", async () => {
  await using it = await FakePool.start({ size: 2 });
  const other = it.submit("hold");
  const dying = it.submit("die");
  const waiting = it.submit("echo");
  await assert.rejects(dying.outcome, (error) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.deepStrictEqual(error.exit, { exitCode: 7, signal: null, lastOutput: ["boom"] });
    assert.match(error.message, /^Cannot finish die: worker p-\d ended with exit code 7; .*boom$/);
    assert.equal(error.retryable, true);
    return true;
  });
  assert.match(await endOf(waiting), /^ok/);
  assert.equal(other.state, "running");
  it.workerRunning(other).answer();
  assert.match(await endOf(other), /^ok/);
  await until(() => it.pool.workers.every((worker) => worker.state === "ready"), "all are ready");
  const { crashed, completed, restarts } = it.pool.stats;
  assert.deepStrictEqual([crashed, completed, restarts], [1, 2, 1]);
});

Deno.test("Pool gives no call to an idle worker that has died", async () => {
  await using it = await FakePool.start({ size: 2 });
  for (const sign of ["process", "stream"] as const) {
    const [next] = it.launcher.alive;
    // The end of the process and of the stream are seen one after the other.
    if (sign === "stream") next?.carrier.end();
    else next?.exit({ signal: "SIGKILL" });
    await microtasks();
    assert.match(await endOf(it.submit("echo")), /^ok/);
    assert.match(await endOf(it.submit("echo")), /^ok/);
    await until(
      () => it.pool.workers.filter((worker) => worker.state === "ready").length === 2,
      "the slot is filled again",
    );
  }
  assert.equal(it.pool.stats.crashed, 0);
});

Deno.test("Pool accepts an answer that was in the stream of a process that has ended", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  const worker = it.workerRunning(call);
  const { carrier } = worker;
  const { events } = carrier;
  // The process ends before its stream does.
  carrier.events = undefined;
  worker.exit({ exitCode: 1 });
  await microtasks();
  carrier.events = events;
  worker.answer("made it");
  carrier.end();
  assert.equal((await call.outcome).value.decode(), "made it");
  assert.equal(it.pool.stats.crashed, 0);
});

Deno.test("Pool kills a process that outlives its stream", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  const worker = it.workerRunning(call);
  worker.carrier.end();
  assert.equal(await endOf(call), "worker_crashed");
  assert.deepStrictEqual(worker.signals, ["SIGKILL"]);
});

Deno.test("Pool counts a tool that raises as failed", async () => {
  await using it = await FakePool.start();
  assert.equal(await endOf(it.submit("raise")), "python_exception");
  assert.equal(it.pool.stats.failed, 1);
  assert.equal(it.pool.workers[0]?.state, "ready");
});

Deno.test("Pool.submit() with a sink streams", async () => {
  await using it = await FakePool.start();
  const stream = new ChunkStream(1_024);
  stream.attach(it.submit("stream", { sink: stream }));
  const got: unknown[] = [];
  for (let event = await stream.next(); event; event = await stream.next()) {
    got.push([event.type, event.value.decode()]);
  }
  assert.deepStrictEqual(got, [["chunk", 0], ["chunk", 1], ["chunk", 2], ["done", "end"]]);
});

Deno.test("Pool.tools and Pool.offers() show the tools of the workers", async () => {
  await using it = new FakePool();
  assert.deepStrictEqual([it.pool.tools.length, it.pool.offers("echo")], [0, false]);
  await it.pool.start();
  assert.ok(it.pool.offers("echo") && !it.pool.offers("nothing"));
  assert.equal(it.pool.tools[0]?.description, "Does echo.");
});

Deno.test("Pool.ping() asks a worker over the link, also one that is busy", async () => {
  await using it = await FakePool.start();
  assert.ok(await it.pool.ping(NEVER) >= 0);
  it.submit("deaf");
  assert.ok(await it.pool.ping(NEVER) >= 0);
});

Deno.test("Pool.ping() throws while there is no worker", async () => {
  await using it = new FakePool();
  await assert.rejects(it.pool.ping(NEVER), { code: "pool_unhealthy", retryable: true });
});

Deno.test("Pool.stopWorker() lets the call finish, and another worker takes the slot", async () => {
  await using it = await FakePool.start();
  const call = it.submit("hold");
  await microtasks();
  const [worker] = it.pool.workers;
  const fake = it.workerRunning(call);
  assert.ok(worker);
  const stopped = it.pool.stopWorker(worker);
  const waiting = it.submit("echo");
  await until(() => worker.state === "stopping", "its successor has taken over");
  fake.answer();
  await stopped;
  assert.equal(await endOf(call), "ok p-1");
  assert.equal(await endOf(waiting), "ok p-1");
  assert.equal(fake.started.length, 1, "a worker that stops takes nothing more");
  assert.notEqual(it.pool.workers[0]?.incarnation, worker.incarnation);
  assert.equal(it.pool.stats.restarts, 1);
});
