import assert from "node:assert/strict";
import { DeadlineExceededError } from "../../../src/errors.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";
import { microtasks, until } from "../../fixtures/until.ts";
import { errorOf, FAIL_FAST, hold, runOnce, startPool, STRICT } from "./session_pool.ts";

const HINT = { sessionId: "s" };

Deno.test("Affinity 23: given a session last on W1, which is idle, when it is called again with hint, then W1 is used", async () => {
  await using it = await startPool({ size: 3 });
  const worker = await runOnce(it, HINT);
  for (let i = 0; i < 3; i++) {
    const all = [await hold(it), await hold(it), await hold(it)].map((each) => each.worker);
    // The other workers become idle after W1, so that a call without a session goes to them.
    worker.answer();
    for (const each of all) if (each !== worker) each.answer();
    await microtasks();
    assert.equal(await runOnce(it, HINT), worker);
  }
});

Deno.test("Affinity 24: given W1 busy and mode hint, then another worker is used at once", async () => {
  await using it = await startPool();
  const worker = await runOnce(it, HINT);
  const again = await hold(it, HINT);
  assert.equal(again.worker, worker);
  const other = await hold(it, HINT);
  assert.notEqual(other.worker, worker);
  other.worker.answer();
  await other.call.outcome;
  // It answered last, so it is preferred from now on.
  again.worker.answer();
  await again.call.outcome;
  assert.equal((await hold(it, HINT)).worker, again.worker);
});

Deno.test("Affinity 25: given W1 busy and strict_queue, then the request waits for W1 even though W2 is idle, and times out in the queue", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 2, pipelineBudgetMs: 0 }, {}, { clock });
  const { worker } = await hold(it, STRICT);
  const waits = it.submit("echo", STRICT);
  const late = it.submit("echo", { ...STRICT, timeoutMs: 50 });
  await microtasks();
  assert.deepEqual([waits.state, late.state, it.pool.queued], ["queued", "queued", 2]);
  clock.advance(60);
  const error = await errorOf(() => late);
  assert.ok(error instanceof DeadlineExceededError);
  assert.equal(error.stage, "queue");
  assert.match(
    error.message,
    /the worker of its session was not free within its deadline of 50 ms/,
  );
  worker.answer();
  assert.equal(await endOf(waits), `ok ${waits.attempt?.workerId}`);
  assert.equal(worker.started.length, 2);
});

for (const affinity of ["strict_queue", "strict_fail_fast"] as const) {
  Deno.test(`Affinity gives sessions that begin one after the other workers of their own (${affinity})`, async () => {
    await using it = await startPool({ size: 3 });
    const workers = new Set<FakeWorker>();
    for (const sessionId of ["a", "b", "c"]) {
      workers.add(await runOnce(it, { sessionId, affinity }));
    }
    assert.equal(workers.size, 3);
    // A worker that is used stays behind those that are not.
    const [first] = workers;
    for (let i = 0; i < 2; i++) {
      assert.equal(await runOnce(it, { sessionId: "a", affinity }), first);
      assert.notEqual(await runOnce(it, { sessionId: `d${i}`, affinity }), first);
    }
  });
}

Deno.test("Affinity 26: given W1 busy and strict_fail_fast, then worker_busy immediately", async () => {
  await using it = await startPool();
  const { worker, call } = await hold(it, FAIL_FAST);
  assert.throws(() => it.submit("echo", FAIL_FAST), {
    code: "worker_busy",
    retryable: true,
    message: "Cannot call echo: p-1, the worker of the session s, is busy",
    details: { sessionId: "s", workerId: "p-1" },
  });
  worker.answer();
  await call.outcome;
  assert.equal(await runOnce(it, FAIL_FAST), worker);
  assert.equal(it.pool.stats.refused, 1);
});

Deno.test("Affinity 26: a call that fails fast never waits behind one that is expected to be short", async () => {
  await using it = await startPool({ pipelineBudgetMs: 100 }, { runMs: 0.01 });
  await runOnce(it, FAIL_FAST);
  await hold(it, STRICT);
  assert.throws(() => it.submit("hold", FAIL_FAST), { code: "worker_busy" });
});

Deno.test("Affinity 26: the first call of a session that fails fast takes any idle worker, and does not wait for one", async () => {
  await using it = await startPool({ size: 1 });
  const { worker } = await hold(it);
  assert.throws(() => it.submit("echo", FAIL_FAST), {
    code: "worker_busy",
    message: "Cannot call echo: no worker is idle for the session s",
  });
  worker.answer();
  await microtasks();
  assert.equal(await endOf(it.submit("echo", FAIL_FAST)), "ok p-1");
});

Deno.test("Affinity 27: given strict mode and W1 gone, then session_worker_unavailable immediately, including requests already queued for it", async () => {
  await using it = await startPool();
  const { call, worker } = await hold(it, STRICT);
  const queued = [it.submit("echo", STRICT), it.submit("echo", { ...STRICT, priority: 5 })];
  worker.exit({ signal: "SIGKILL" });
  const first = await errorOf(() => call);
  assert.equal(first.code, "worker_crashed");
  for (const each of queued) {
    const error = await errorOf(() => each);
    assert.deepEqual([error.code, error.retryable], ["session_worker_unavailable", false]);
  }
  assert.equal(it.pool.queued, 0);
  for (const mode of [STRICT, FAIL_FAST]) {
    const error = await errorOf(() => it.submit("echo", mode));
    assert.equal(error.code, "session_worker_unavailable");
    assert.match(
      error.message,
      /^Cannot call echo: p-1, the worker of the session s, died with signal SIGKILL \(.+\); `rebind: true` binds/,
    );
    const { incarnation, ...details } = error.details;
    assert.equal(incarnation, worker.incarnation);
    assert.deepEqual(details, {
      sessionId: "s",
      workerId: "p-1",
      workerEnd:
        "died with signal SIGKILL (killed, by the system when memory ran out or by somebody)",
      mayHaveRun: false,
      workerEndReason: "killed",
    });
  }
});

Deno.test("Affinity 27: given strict mode and W1 tainted, then session_worker_unavailable immediately", async () => {
  await using it = await startPool({ size: 2, taintAfter: 1 });
  const { worker, call } = await hold(it, STRICT);
  worker.exit({ signal: "SIGSEGV" });
  await endOf(call);
  assert.deepEqual(it.pool.tainted.map(({ workerId }) => workerId), ["p-1"]);
  const error = await errorOf(() => it.submit("echo", STRICT));
  assert.equal(error.code, "session_worker_unavailable");
  assert.match(String(error.details.workerEnd), /^died with signal SIGSEGV/);
});

Deno.test("Affinity 29: given strict affinity and W1 restarted under the same id, then the caller learns that the state was lost", async () => {
  await using it = await startPool({ size: 1 });
  const worker = await runOnce(it, STRICT);
  worker.exit({ exitCode: 3 });
  await until(() => it.launcher.alive.length === 1 && it.pool.serving.length === 1, "restarted");
  const [successor] = it.pool.serving;
  assert.equal(successor?.id, "p-1");
  assert.notEqual(successor?.incarnation, worker.incarnation);
  for (let i = 0; i < 3; i++) {
    const error = await errorOf(() => it.submit("echo", STRICT));
    assert.equal(error.code, "session_worker_unavailable");
    assert.equal(error.details.incarnation, worker.incarnation);
    assert.equal(error.details.workerEnd, "died with exit code 3");
  }
  assert.deepEqual(it.launcher.alive[0]?.started, [], "a blank worker has answered");
});

Deno.test("Affinity 31: given a call with a session, then the worker is sent its id", async () => {
  await using it = await startPool();
  const { worker } = await hold(it, { sessionId: "s1", affinity: "strict_queue" });
  assert.equal(worker.running?.sessionId, "s1");
});

Deno.test("Affinity 32: the affinity of a call overrides that of its pool, which overrides hint", async () => {
  for (const affinity of [undefined, "hint", "strict_queue", "strict_fail_fast"] as const) {
    await using it = await startPool(affinity === undefined ? {} : { affinity });
    await hold(it, HINT);
    const byPool = await hold(it, HINT).then(() => "other", (error) => error.code ?? "waits");
    const expected = { hint: "other", strict_queue: "waits", strict_fail_fast: "worker_busy" };
    assert.equal(byPool, affinity === undefined ? "other" : expected[affinity]);
  }
  for (const affinity of ["strict_queue", "strict_fail_fast"] as const) {
    await using it = await startPool({ affinity });
    const { worker } = await hold(it, HINT);
    assert.notEqual((await hold(it, { ...HINT, affinity: "hint" })).worker, worker);
  }
});

Deno.test("Affinity: two first calls of a session at once land on one worker", async () => {
  await using it = await startPool();
  const { worker } = await hold(it, STRICT);
  const second = it.submit("hold", STRICT);
  await microtasks();
  assert.equal(second.state, "queued");
  worker.answer();
  await microtasks();
  assert.equal(it.workerRunning(second), worker);
});

Deno.test("Affinity: several first calls of a session that wait for any worker land on one worker", async () => {
  await using it = await startPool();
  const busy = [await hold(it), await hold(it)];
  const calls = Array.from({ length: 4 }, () => it.submit("hold", STRICT));
  assert.equal(it.pool.queued, 4);
  for (const { worker } of busy) worker.answer();
  await microtasks();
  const [first] = calls;
  assert.ok(first);
  const worker = it.workerRunning(first);
  assert.deepEqual(calls.map(({ state }) => state), ["running", "queued", "queued", "queued"]);
  for (const call of calls) {
    assert.equal(it.workerRunning(call), worker);
    worker.answer();
    await call.outcome;
  }
});

Deno.test("Affinity: when the first of several waiting calls leaves, the next one binds the session", async () => {
  await using it = await startPool();
  const busy = [await hold(it), await hold(it)];
  const leaving = new AbortController();
  const first = it.submit("hold", { ...STRICT, signal: leaving.signal });
  const others = [it.submit("hold", STRICT), it.submit("hold", STRICT)];
  leaving.abort(new Error("left"));
  assert.equal(await endOf(first), "Error: left");
  for (const { worker } of busy) worker.answer();
  await microtasks();
  assert.deepEqual(others.map(({ state }) => state), ["running", "queued"]);
});

Deno.test("Affinity: calls that wait for one worker do not hold up others, nor others them", async () => {
  await using it = await startPool();
  const { worker, call } = await hold(it, STRICT);
  const bound = it.submit("hold", STRICT);
  assert.match(await endOf(it.submit("echo")), /^ok/, "it overtakes");
  const other = await hold(it);
  const common = Array.from({ length: 3 }, () => it.submit("hold"));
  worker.answer();
  await call.outcome;
  await microtasks();
  assert.equal(it.workerRunning(bound), worker, "it has waited longer than the others");
  assert.deepEqual(common.map(({ state }) => state), ["queued", "queued", "queued"]);
  other.worker.answer();
  await microtasks();
  assert.deepEqual(common.map(({ state }) => state), ["running", "queued", "queued"]);
});

Deno.test("Affinity: a worker takes its own calls and those for any worker by priority and age", async () => {
  await using it = await startPool({ size: 1 });
  const { worker } = await hold(it, { ...STRICT, requestId: "0" });
  const submit = (requestId: string, request = {}): void =>
    void it.submit("hold", { requestId, ...request });
  submit("a");
  submit("b", STRICT);
  submit("c", { ...STRICT, priority: 1 });
  submit("d", { priority: 1 });
  submit("e", { ...STRICT, priority: -1 });
  submit("f", { priority: 2 });
  while (worker.running !== undefined) {
    worker.answer();
    await microtasks();
  }
  assert.equal(worker.started.join(""), "0fcdabe");
});

Deno.test("Affinity: queueLimit holds for calls that wait for one worker", async () => {
  await using it = await startPool({ queueLimit: 2 });
  await hold(it, STRICT);
  it.submit("hold", STRICT);
  it.submit("hold", STRICT);
  assert.throws(() => it.submit("hold", STRICT), { code: "pool_saturated" });
  assert.match(await endOf(it.submit("echo")), /^ok/, "an idle worker takes it");
});

Deno.test("Affinity: a hint never fails because its worker is gone, and moves on", async () => {
  await using it = await startPool({ size: 3 });
  const worker = await runOnce(it, HINT);
  worker.exit({ signal: "SIGKILL" });
  await microtasks();
  const next = await runOnce(it, HINT);
  assert.notEqual(next, worker);
  assert.equal(await runOnce(it, HINT), next);
});

Deno.test("Affinity: hints neither move a strict session nor fail with it", async () => {
  await using it = await startPool();
  const { worker, call } = await hold(it, STRICT);
  const other = await runOnce(it, HINT);
  assert.notEqual(other, worker);
  worker.answer();
  await call.outcome;
  assert.equal(await runOnce(it, STRICT), worker);
  worker.exit({ signal: "SIGKILL" });
  await until(() => it.pool.crashes.total === 1, "it has died");
  assert.match(await endOf(it.submit("echo", HINT)), /^ok/);
  assert.equal((await errorOf(() => it.submit("echo", STRICT))).code, "session_worker_unavailable");
});

Deno.test("Affinity: a strict call keeps to the worker that last answered its session, also one with a hint", async () => {
  await using it = await startPool({ size: 3 });
  const worker = await runOnce(it, HINT);
  await runOnce(it);
  assert.equal(await runOnce(it, STRICT), worker);
});

Deno.test("PoolSessions.workerOf() names the worker of a session, and forget() forgets it", async () => {
  await using it = await startPool();
  const { pool } = it;
  assert.equal(pool.sessions.workerOf("s"), undefined);
  const { worker, call } = await hold(it, STRICT);
  const { incarnation } = worker;
  const bound = { workerId: "p-1", incarnation, end: undefined, isStrict: true };
  assert.deepEqual(pool.sessions.workerOf("s"), bound);
  const queued = it.submit("hold", STRICT);
  pool.sessions.forget("s");
  pool.sessions.forget("never seen");
  assert.equal(pool.sessions.workerOf("s"), undefined);
  // It begins again, in another worker, while its earlier calls go on.
  assert.notEqual((await hold(it, STRICT)).worker, worker);
  worker.answer();
  await call.outcome;
  await microtasks();
  assert.equal(it.workerRunning(queued), worker);
});

Deno.test("Affinity: while workers offer different tools, a strict call keeps to its worker, and a hint does not", async () => {
  await using it = new FakePool({ size: 2, pipelineBudgetMs: 0 });
  it.launcher.tools = ["hold", "echo", "old"];
  await it.pool.start();
  it.launcher.tools = ["hold", "echo", "new"];
  const [first] = it.pool.workers;
  assert.ok(first);
  await it.pool.stopWorker(first);
  assert.match(await endOf(it.submit("old", HINT)), /^ok/);
  assert.match(await endOf(it.submit("new", HINT)), /^ok/);
  const strict = await runOnce(it, STRICT);
  const missing = strict === it.launcher.workers[1] ? "new" : "old";
  assert.equal(await endOf(it.submit(missing, STRICT)), "unknown_tool");
  assert.match(await endOf(it.submit(missing, HINT)), /^ok/);
});
