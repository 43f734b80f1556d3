import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { SnakedenError, WorkerCrashedError } from "../../../src/errors.ts";
import type { Call, CallRequest, ChunkSink } from "../../../src/pool/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import {
  attemptOf,
  endOf,
  FakePool,
  type FakePoolOptions,
  runs,
} from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { microtasks, until } from "../../fixtures/until.ts";
import { startPipelined } from "../pipelined_pool.ts";

const SEGFAULT = { signal: "SIGSEGV" } as const;

/** The worker that runs the call, once one that lives does. */
async function running(it: FakePool, call: Call): Promise<FakeWorker> {
  const find = (): FakeWorker | undefined => it.launcher.alive.find((worker) => runs(worker, call));
  await until(() => find() !== undefined, "the call runs");
  return it.workerRunning(call);
}

/** Ends the worker that runs the call, once it does; its id. */
async function kill(
  it: FakePool,
  call: Call,
  exit: { signal: string } = SEGFAULT,
): Promise<string> {
  (await running(it, call)).exit(exit);
  return call.attempt?.workerId ?? "";
}

async function errorOf(call: Call): Promise<SnakedenError> {
  const error: unknown = await call.outcome.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError);
  return error;
}

async function startWith(
  options: FakePoolOptions = {},
  clock?: FakeClock,
): Promise<FakePool> {
  return await FakePool.start({ size: 2, maxReruns: 2, poisonAfter: 9, ...options }, {}, { clock });
}

const IDEMPOTENT: Partial<CallRequest> = { idempotent: true };

Deno.test("Pool runs an idempotent call again in another worker when its worker dies", async () => {
  await using it = await startWith();
  const call = it.submit("hold", IDEMPOTENT);
  const first = await kill(it, call);
  const next = await running(it, call);
  assert.notEqual(call.attempt?.workerId, first);
  next.answer();
  assert.match(await endOf(call), /^ok/);
  const { crashes, stats } = it.pool;
  assert.deepStrictEqual([crashes.reruns, crashes.total, crashes.recent], [1, 1, {
    segfault: 1,
  }]);
  assert.deepStrictEqual([stats.completed, stats.crashed, stats.requests], [1, 0, 1]);
});

Deno.test("Pool runs an idempotent call at most maxReruns times again, and says how many workers it lost", async () => {
  for (const maxReruns of [0, 1, 3]) {
    await using it = await startWith({ maxReruns });
    const call = it.submit("hold", IDEMPOTENT);
    for (let attempt = 0; attempt <= maxReruns; attempt++) await kill(it, call);
    const error = await errorOf(call);
    assert.ok(error instanceof WorkerCrashedError);
    const { workersLost, mayHaveRun, crash, history = [] } = error.details;
    assert.equal(workersLost, maxReruns + 1);
    assert.deepStrictEqual([mayHaveRun, crash], [true, { kind: "segfault" }]);
    assert.ok(Array.isArray(history));
    assert.equal(history.length, maxReruns === 0 ? 0 : maxReruns + 1);
    if (maxReruns > 0) {
      assert.match(error.message, new RegExp(`; the call has lost ${workersLost} workers;`));
    }
    assert.equal(it.pool.crashes.reruns, maxReruns);
  }
});

Deno.test("Pool does not repeat a call that is not idempotent", async () => {
  await using it = await startWith();
  for (const request of [{}, { idempotent: false }]) {
    const call = it.submit("hold", request);
    await kill(it, call);
    const error = await errorOf(call);
    assert.deepStrictEqual([error.code, error.details.workersLost], ["worker_crashed", 1]);
  }
});

Deno.test("Pool uses the idempotence that a tool declares, unless the call says otherwise", async () => {
  await using it = await FakePool.start({ size: 2 }, { idempotent: true });
  const call = it.submit("hold");
  await kill(it, call);
  (await running(it, call)).answer();
  assert.match(await endOf(call), /^ok/);
  const once = it.submit("hold", { idempotent: false });
  await kill(it, once);
  assert.equal(await endOf(once), "worker_crashed");
});

Deno.test("Pool runs a stream again only before its first chunk", async () => {
  await using it = await startWith();
  const chunks: unknown[] = [];
  const sink: ChunkSink = {
    windowBytes: 1_000,
    onChunk: (value) => void chunks.push(value.decode()),
    onProgress: () => {},
  };
  const call = it.submit("hold", { ...IDEMPOTENT, sink });
  await kill(it, call);
  const worker = await running(it, call);
  worker.carrier.deliver({ chunk: { id: attemptOf(call).linkId, value: Value.from("one").wire } });
  worker.exit(SEGFAULT);
  assert.equal((await errorOf(call)).details.workersLost, 2);
  assert.deepStrictEqual(chunks, ["one"]);
});

Deno.test("Pool answers with the error of the last attempt when the deadline passes before the next", async () => {
  const clock = new FakeClock();
  await using it = await startWith({ size: 1 }, clock);
  const call = it.submit("hold", { ...IDEMPOTENT, timeoutMs: 1_000 });
  await until(() => call.state === "running", "it runs");
  it.launcher.barrier = new Promise(() => {});
  await kill(it, call);
  await until(() => call.state === "queued", "it waits for the next worker");
  clock.advance(1_010);
  const error = await errorOf(call);
  assert.deepStrictEqual([error.code, error.details.mayHaveRun], ["worker_crashed", true]);
  assert.equal(clock.pending, 0);
  assert.equal(it.pool.queued, 0);
});

Deno.test("Pool lets a caller leave while its call waits for the next attempt", async () => {
  await using it = await startWith({ size: 1 });
  const leaving = new AbortController();
  const call = it.submit("hold", { ...IDEMPOTENT, signal: leaving.signal });
  await until(() => call.state === "running", "it runs");
  it.launcher.barrier = new Promise(() => {});
  await kill(it, call);
  await until(() => call.state === "queued", "it waits for the next worker");
  leaving.abort(new Error("left"));
  assert.equal(await endOf(call), "Error: left");
});

Deno.test("Pool does not repeat a call whose caller has left", async () => {
  await using it = await startWith({ cancelGraceMs: 60_000 });
  const leaving = new AbortController();
  const call = it.submit("deaf", { ...IDEMPOTENT, signal: leaving.signal });
  await until(() => call.state === "running", "it runs");
  const worker = it.workerRunning(call);
  leaving.abort(new Error("left"));
  worker.exit(SEGFAULT);
  assert.equal(await endOf(call), "Error: left");
  await until(() => attemptOf(call).state === "ended", "its end was seen");
  assert.equal(it.launcher.workers.flatMap((fake) => fake.started).length, 1);
});

Deno.test("Pool.stop() at once ends a call that could run again with the error of its attempt", async () => {
  await using it = await startWith();
  const call = it.submit("hold", IDEMPOTENT);
  await until(() => call.state === "running", "it runs");
  const stopped = it.pool.stop();
  await it.pool.stop({ drainMs: 0 });
  await stopped;
  const error = await errorOf(call);
  assert.equal(error.code, "worker_crashed");
  assert.deepStrictEqual(error.details.crash, {
    kind: "killed_by_host",
    reason: "was killed: the host stops at once",
  });
});

Deno.test("Pool gives up a call that has killed poisonAfter workers with poison_call and its history", async () => {
  await using it = await startWith({ maxReruns: 50, poisonAfter: 3 });
  const call = it.submit("hold", IDEMPOTENT);
  const lost = [await kill(it, call), await kill(it, call), await kill(it, call)];
  const error = await errorOf(call);
  assert.equal(error.code, "poison_call");
  assert.equal(error.retryable, false);
  assert.match(
    error.message,
    /^Cannot finish hold: it has killed its workers, 3 times: p-\d \(seg/,
  );
  const { history, workersLost, mayHaveRun } = error.details;
  assert.deepStrictEqual([workersLost, mayHaveRun], [3, true]);
  assert.ok(Array.isArray(history));
  assert.deepStrictEqual(history.map((it) => it.workerId), lost);
  assert.equal(new Set(history.map((it) => it.incarnation)).size, 3);
  for (const { at, signal, exitCode, crash } of history) {
    assert.ok(!Number.isNaN(Date.parse(at)));
    assert.deepStrictEqual([signal, exitCode, crash.kind], ["SIGSEGV", null, "segfault"]);
  }
  assert.deepStrictEqual([it.pool.stats.crashed, it.pool.crashes.poisoned], [1, 1]);
});

Deno.test("Pool refuses a tool with the arguments that have killed workers, for poisonMs, and nothing else", async () => {
  const clock = new FakeClock();
  await using it = await startWith({ poisonAfter: 3, poisonMs: 5_000 }, clock);
  for (let i = 0; i < 3; i++) assert.equal(await endOf(it.submit("die")), "worker_crashed");
  assert.throws(() => it.submit("die"), (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "poison_call");
    const { workersLost, mayHaveRun, history } = error.details;
    assert.deepStrictEqual([workersLost, mayHaveRun], [0, false]);
    assert.equal(Array.isArray(history) && history.length, 3);
    return true;
  });
  assert.equal(await endOf(it.submit("die", { args: Value.from("other") })), "worker_crashed");
  assert.match(await endOf(it.submit("echo")), /^ok/);
  const { requests, refused, crashed, completed } = it.pool.stats;
  assert.deepStrictEqual([requests, refused, crashed, completed], [6, 1, 4, 1]);
  clock.advance(5_000);
  assert.equal(await endOf(it.submit("die")), "worker_crashed");
});

Deno.test("Pool does not count a tool as poison when its workers were killed from outside", async () => {
  await using it = await startWith({ poisonAfter: 2, poisonMs: 5_000 });
  for (let i = 0; i < 5; i++) {
    const call = it.submit("hold");
    await kill(it, call, { signal: "SIGKILL" });
    assert.equal(await endOf(call), "worker_crashed");
  }
  assert.deepStrictEqual(it.pool.crashes.recent, { killed: 5 });
});

const OUTSIDE = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGUSR1"] as const;

Deno.test("Pool fails an idempotent call whose workers are killed from outside with worker_crashed, and accepts the next one", async () => {
  await using it = await startWith({ maxReruns: 5, poisonAfter: 2, poisonMs: 60_000 });
  const call = it.submit("hold", IDEMPOTENT);
  for (let i = 0; i <= 5; i++) await kill(it, call, { signal: OUTSIDE[i % 4] ?? "SIGKILL" });
  const error = await errorOf(call);
  assert.deepStrictEqual([error.code, error.details.workersLost], ["worker_crashed", 6]);
  assert.equal(error.retryable, true);
  const next = it.submit("hold", IDEMPOTENT);
  (await running(it, next)).answer();
  assert.match(await endOf(next), /^ok/);
  assert.equal(it.pool.crashes.poisoned, 0);
});

Deno.test("Pool counts only crashes that a call itself caused as poison, and lists all the workers that it lost", async () => {
  await using it = await startWith({ maxReruns: 50, poisonAfter: 2, poisonMs: 60_000 });
  const call = it.submit("hold", IDEMPOTENT);
  for (const signal of ["SIGKILL", "SIGSEGV", "SIGKILL", "SIGTERM", "SIGABRT"]) {
    await kill(it, call, { signal });
  }
  const error = await errorOf(call);
  assert.equal(error.code, "poison_call");
  assert.match(
    error.message,
    /has killed its workers, 2 times: p-\d \(segfault\), p-\d \(abort\)$/,
  );
  assert.equal(error.details.workersLost, 5);
  assert.throws(() => it.submit("hold", IDEMPOTENT), (refused) => {
    assert.ok(refused instanceof SnakedenError);
    const { history } = refused.details;
    assert.ok(Array.isArray(history));
    assert.deepStrictEqual(history.map(({ crash }) => crash.kind), ["segfault", "abort"]);
    return true;
  });
});

Deno.test("Pool quarantines no slot whose workers are killed from outside", async () => {
  await using it = await startWith({ size: 2, taintAfter: 1, taintMs: 60_000 });
  for (let i = 0; i < 8; i++) {
    const call = it.submit("hold");
    await kill(it, call, { signal: OUTSIDE[i % 4] ?? "SIGKILL" });
    assert.equal(await endOf(call), "worker_crashed");
  }
  assert.deepStrictEqual(it.pool.tainted, []);
  await until(() => it.pool.serving.length === 2, "the pool is whole");
});

Deno.test("Pool gives up a call when poisonAfter workers are killed before they begin it", async () => {
  await using it = await startWith({ size: 1, maxReruns: 0, poisonAfter: 3, poisonMs: 60_000 });
  const call = it.submit("hold");
  for (let i = 0; i < 3; i++) {
    const worker = await running(it, call);
    // It died before it noted the call.
    worker.progress.noted = 0;
    worker.exit({ signal: "SIGKILL" });
  }
  const error = await errorOf(call);
  assert.deepStrictEqual([error.code, error.details.workersLost], ["worker_crashed", 3]);
  const again = it.submit("hold");
  (await running(it, again)).answer();
  assert.match(await endOf(again), /^ok/);
});

Deno.test("Pool leaves a slot empty whose workers crash too often, and goes on with the others", async () => {
  await using log = new LogSink();
  await using it = await startWith({ size: 2, taintAfter: 3, taintMs: 300 });
  // One slot at a time: the other one is busy.
  const other = it.submit("hold");
  await until(() => other.state === "running", "one is busy");
  const crashing = it.pool.workers.map(({ id }) => id).find((id) => id !== other.attempt?.workerId);
  for (let i = 0; i < 3; i++) assert.equal(await endOf(it.submit("die")), "worker_crashed");
  await until(() => it.pool.tainted.length > 0, "the slot is in quarantine");
  assert.deepStrictEqual(it.pool.tainted.map((slot) => slot.workerId), [crashing]);
  assert.deepStrictEqual(it.pool.workers.map(({ id }) => id), [other.attempt?.workerId]);
  it.workerRunning(other).answer();
  assert.match(await endOf(it.submit("echo")), /^ok/);
  await until(() => it.pool.workers.length === 2, "the slot is filled again");
  assert.deepStrictEqual(it.pool.tainted, []);
  assert.match(await log.text(), /is not replaced for \d+ ms: its workers crash too often/);
});

Deno.test("Pool.crashes counts what the host killed, and not what it stopped", async () => {
  await using it = await startWith({ cancelGraceMs: 1 });
  const [worker] = it.pool.workers;
  assert.ok(worker);
  await it.pool.stopWorker(worker);
  await until(() => it.launcher.launches === 3, "it is replaced");
  assert.equal(it.pool.crashes.total, 0);
  const leaving = new AbortController();
  it.submit("deaf", { signal: leaving.signal });
  await microtasks();
  leaving.abort(new Error("left"));
  await until(() => it.pool.crashes.total === 1, "it was killed");
  assert.deepStrictEqual(it.pool.crashes.recent, { killed_by_host: 1 });
});

Deno.test("Pool queues a call that runs again before later calls", async () => {
  await using set = await startPipelined({ maxReruns: 1 });
  const [a] = await set.hold("a", IDEMPOTENT);
  await set.hold("bcd");
  assert.ok(a);
  set.worker(0).exit(SEGFAULT);
  assert.equal(await running(set.it, a), set.worker(1));
  await microtasks();
  while (set.worker(1).running) {
    set.worker(1).answer();
    await microtasks();
  }
  assert.deepStrictEqual(set.worker(1).started, [..."abcd"]);
});
