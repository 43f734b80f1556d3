import assert from "node:assert/strict";
import { WorkerCrashedError } from "../../src/errors.ts";
import { endOf } from "../fixtures/fakes/fake_pool.ts";
import { microtasks, until } from "../fixtures/until.ts";
import { finish, inside, RECALL_MS, started, startPipelined } from "./pipelined_pool.ts";

Deno.test("Pool: a crash fails the call that was noted, and those behind it run elsewhere in their order", async () => {
  await using set = await startPipelined();
  const [a] = await set.hold("abc");
  await set.hold("d", { priority: 1 });
  assert.ok(a);
  set.worker(0).exit({ exitCode: 7, lastOutput: ["boom"] });
  await assert.rejects(a.outcome, (error) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.equal(error.exit.exitCode, 7);
    return true;
  });
  assert.ok(set.worker(0).progress.disposed);
  await finish(set);
  assert.deepStrictEqual(set.worker(1).started, ["d", "b", "c"]);
  assert.equal(started(set), "adbc");
  const { crashed, completed, restarts } = set.it.pool.stats;
  assert.deepStrictEqual([crashed, completed, restarts], [1, 4, 1]);
});

Deno.test("Pool: a crash before a call was noted fails no call", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const worker = set.worker(0);
  await set.hold("ab");
  // As if it had died while it read them.
  worker.progress.noted = 0;
  worker.started.length = 0;
  worker.exit({ signal: "SIGSEGV" });
  await finish(set);
  assert.equal(started(set), "ab");
  const { crashed, completed } = it.pool.stats;
  assert.deepStrictEqual([crashed, completed], [0, 3]);
});

Deno.test("Pool: a crash after the noted call was answered fails no call", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const worker = set.worker(0);
  await set.hold("abc");
  const answered = worker.progress.noted;
  worker.answer();
  // As if it had died between the two.
  worker.progress.noted = answered;
  worker.started.length = 1;
  worker.exit({ signal: "SIGSEGV" });
  await finish(set);
  assert.equal(started(set), "abc");
  assert.equal(it.pool.stats.crashed, 0);
});

Deno.test("Pool: a worker that ran on without its link fails all calls that it may have started", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const worker = set.worker(0);
  const [a, b, c] = await set.hold("abc");
  worker.carrier.end();
  worker.answer();
  assert.equal(worker.running?.requestId, "b");
  await until(() => c?.attempt?.workerId === "p-1" && it.launcher.launches === 2, "it is replaced");
  assert.ok(a && b && c);
  assert.deepStrictEqual([await endOf(a), await endOf(b)], ["worker_crashed", "worker_crashed"]);
  await finish(set);
  assert.equal(await endOf(c), "ok p-1");
  assert.equal(started(set), "abc");
});

Deno.test("Pool: a call runs elsewhere if its worker gave it back, and died before it could report that", async () => {
  await using set = await startPipelined();
  const worker = set.worker(0);
  const [a, b, c] = await set.hold("abc");
  // It gave a back and began b; its stream was read to its end, and there was no answer to a in it.
  worker.progress.noted = worker.waiting[0]?.id ?? 0;
  worker.started.length = 0;
  worker.exit({ signal: "SIGSEGV" });
  await finish(set);
  assert.ok(a && b && c);
  assert.deepStrictEqual([await endOf(a), await endOf(b), await endOf(c)], [
    "ok p-1",
    "worker_crashed",
    "ok p-1",
  ]);
  assert.equal(started(set), "ac");
});

Deno.test("Pool: a worker that gets a signal from outside gets no more calls, and is replaced at once", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  await set.hold("abc");
  const leaving = it.launcher.alive.find(({ waiting }) => waiting.length > 0);
  leaving?.leave();
  await until(() => it.launcher.alive.length === 3, "its successor is there");
  const states = (): string[] => it.pool.workers.map(({ state }) => state).sort();
  await until(() => states().length === 3 && !states().includes("starting"), "it is ready");
  assert.equal(states().at(-1), "stopping");
  assert.deepStrictEqual(it.pool.serving.map(({ id }) => id).sort(), ["p-1", "p-2"]);
  leaving?.answer();
  await set.hold("de");
  assert.equal(leaving?.running, undefined);
  await finish(set);
  assert.ok((await Promise.all(it.calls.map(endOf))).every((end) => end.startsWith("ok")));
});

Deno.test("Pool: a worker that does not note its progress fails its call when it dies", async () => {
  await using set = await startPipelined({}, { notesProgress: false });
  const [a, b] = await set.hold("ab");
  set.worker(0).exit({ signal: "SIGSEGV" });
  assert.ok(a && b);
  assert.equal(await endOf(a), "worker_crashed");
  await finish(set);
  assert.equal(await endOf(b), "ok p-1");
});

Deno.test("Pool: a worker that has noted a call which it was never sent may have run all of its calls", async () => {
  await using set = await startPipelined();
  const calls = await set.hold("abc");
  set.worker(0).progress.noted = 0xdead_beef;
  set.worker(0).exit({ signal: "SIGSEGV" });
  assert.deepStrictEqual(await Promise.all(calls.map(endOf)), Array(3).fill("worker_crashed"));
});

Deno.test("Pool gives up a call when three workers have died before they began it", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const [a] = await set.hold("a");
  assert.ok(a);
  for (let life = 0; life < 3; life++) {
    await until(() => it.launcher.alive[0]?.running?.requestId === "a", "it was sent again");
    const [worker] = it.launcher.alive;
    assert.ok(worker);
    worker.progress.noted = 0;
    worker.exit({ signal: "SIGSEGV" });
    await microtasks();
  }
  assert.equal(await endOf(a), "poison_call");
  assert.equal(it.pool.queued, 0);
});

Deno.test("Pool rejects calls that came back when it becomes unhealthy", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const [a, b] = await set.hold("ab");
  it.launcher.failures = { always: "no memory" };
  set.worker(0).exit({ signal: "SIGSEGV" });
  assert.ok(a && b);
  assert.equal(await endOf(a), "worker_crashed");
  assert.equal(await endOf(b), "pool_unhealthy");
});

Deno.test("Pool.stopWorker() gives the calls that wait in the worker to others, and lets the running one finish", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it } = set;
  await set.hold("abcd");
  const worker = it.pool.workers.find(({ id }) => id === it.calls[1]?.attempt?.workerId);
  const [other, fake] = [set.worker(0), set.worker(1)];
  assert.ok(worker);
  assert.equal(inside(fake), "ad");
  const { calls } = worker;
  const stopped = it.pool.stopWorker(worker);
  await until(() => worker.state === "stopping", "its successor has taken over");
  await microtasks();
  assert.deepStrictEqual([inside(fake), inside(other), inside(set.worker(2))], ["a", "bc", "d"]);
  assert.equal(worker.calls, calls - 1);
  fake.answer();
  await stopped;
  await finish(set);
  assert.ok((await Promise.all(it.calls.map(endOf))).every((end) => end.startsWith("ok")));
  assert.equal([...started(set)].sort().join(""), "abcd");
});

Deno.test("Pool.stop() rejects the calls that wait in workers at once, and lets running ones finish", async () => {
  await using set = await startPipelined();
  const { it } = set;
  const [a, b, c] = await set.hold("abc");
  const stopped = it.pool.stop();
  assert.ok(a && b && c);
  assert.deepStrictEqual([await endOf(b), await endOf(c)], ["shutting_down", "shutting_down"]);
  assert.equal(a.state, "running");
  set.worker(0).answer();
  await stopped;
  assert.equal(await endOf(a), "ok p-1");
  assert.equal(started(set), "a");
  assert.deepStrictEqual(set.worker(0).signals, []);
  assert.equal(set.clock.pending, 0);
});

Deno.test("Pool.stop() fails calls that wait in a worker that must be killed with shutting_down", async () => {
  await using set = await startPipelined({ drainMs: 5 }, {
    ignoresRecall: true,
    ignoresStop: true,
    ignoresTerm: true,
  });
  const { it } = set;
  const known = it.submit("deaf", { requestId: "known" });
  await microtasks();
  set.worker(0).answer();
  await known.outcome;
  const running = it.submit("deaf", { requestId: "d" });
  const [a, b] = await set.hold("ab");
  await it.pool.stop();
  assert.ok(a && b);
  assert.deepStrictEqual(await Promise.all([running, a, b].map(endOf)), [
    "shutting_down",
    "shutting_down",
    "shutting_down",
  ]);
  await assert.rejects(a.outcome, { message: "Cannot call hold: the pool p is stopping" });
  assert.deepStrictEqual(it.launcher.workers.length, 1);
});

Deno.test("Pool.stop() at once during a recall fails the calls that run, and rejects the others", async () => {
  await using set = await startPipelined({ size: 2 });
  const { it, clock } = set;
  await set.hold("abcdef");
  clock.advance(RECALL_MS);
  const stopped = it.pool.stop({ drainMs: 0 });
  await it.pool.stop({ drainMs: 0 });
  await stopped;
  const ends = await Promise.all(it.calls.map(endOf));
  assert.equal(ends.filter((end) => end === "worker_crashed").length, 2, ends.join());
  assert.equal(ends.filter((end) => end === "shutting_down").length, 4, ends.join());
  assert.equal(started(set).length, 2);
});
