import assert from "node:assert/strict";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, type FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorker } from "../../fixtures/fakes/fake_worker.ts";
import { microtasks, until } from "../../fixtures/until.ts";
import { errorOf, FAIL_FAST, hold, runOnce, startPool, STRICT } from "./session_pool.ts";

const REBIND = { ...STRICT, rebind: true };

/** Kills the worker of the session, and waits until that is known. */
async function kill(it: FakePool, worker: { exit(exit: { signal: string }): void }): Promise<void> {
  const { total } = it.pool.crashes;
  worker.exit({ signal: "SIGKILL" });
  await until(() => it.pool.crashes.total > total, "it has died");
}

for (const replace of ["start_first", "stop_first"] as const) {
  Deno.test(`Affinity: a worker that is replaced (${replace}) finishes what it runs, and later strict calls learn it`, async () => {
    await using it = await startPool({ replace });
    const { worker, call } = await hold(it, STRICT);
    const queued = it.submit("hold", STRICT);
    const { incarnation } = worker;
    const old = it.pool.workers.find((each) => each.incarnation === incarnation);
    assert.ok(old);
    const stopped = it.pool.stopWorker(old);
    const error = await errorOf(() => queued);
    assert.deepEqual(
      [error.code, error.details.workerEnd, error.details.incarnation],
      ["session_worker_unavailable", "was replaced: it was asked to stop", incarnation],
    );
    assert.equal((await errorOf(() => it.submit("echo", FAIL_FAST))).code, error.code);
    assert.equal(call.state, "running", "it is not interrupted");
    worker.answer();
    assert.match(await endOf(call), /^ok/);
    await stopped;
    assert.equal((await errorOf(() => it.submit("echo", STRICT))).code, error.code);
  });
}

const ENDS: readonly (readonly [
  name: string,
  text: string,
  options: FakePoolOptions,
  end: (it: FakePool, clock: FakeClock) => Promise<void> | void,
])[] = [
  ["recycled", "the pool is recycled", {}, (it) => it.pool.recycle(undefined)],
  ["stopped", "it was asked to stop", {}, async ({ pool }) => {
    for (const worker of pool.workers) await pool.stopWorker(worker);
  }],
  ["code_changed", "its code has changed", {}, async (it) => {
    it.pool.reload({ files: ["/a.py"] });
    await until(() => it.launcher.alive.length === 2 && it.launcher.launches === 4, "reloaded");
  }],
  ["max_calls", "it may take 5 calls", { recycle: { maxCalls: 5 }, size: 1 }, async (it) => {
    for (let i = 0; i < 9; i++) assert.match(await endOf(it.submit("echo")), /^ok/);
    await until(() => it.pool.stats.recycled > 0, "one was replaced");
  }],
  [
    "max_memory",
    "it and its children hold 2.0 MiB of memory, maxRssBytes is 1.0 MiB",
    { recycle: { maxRssBytes: 2 ** 20 }, size: 1 },
    async (it) => {
      it.launcher.alive[0]?.tellMemory(2 * 2 ** 20);
      await until(() => it.pool.stats.recycled > 0, "it was replaced");
    },
  ],
  [
    "max_age",
    "it has reached its age",
    { recycle: { maxAgeMs: 60_000 }, size: 1 },
    async (it, clock) => {
      clock.advance(60_000);
      await until(() => it.pool.stats.recycled > 0, "it was replaced");
    },
  ],
];

for (const [reason, text, options, end] of ENDS) {
  Deno.test(`Affinity: a session whose worker was replaced learns why (${reason})`, async () => {
    const clock = new FakeClock();
    await using it = await startPool(options, {}, { clock });
    const { incarnation } = await runOnce(it, STRICT);
    await end(it, clock);
    const { message, code, details } = await errorOf(() => it.submit("echo", STRICT));
    assert.deepEqual(
      [code, details.workerEndReason, details.workerEnd, details.incarnation],
      ["session_worker_unavailable", reason, `was replaced: ${text}`, incarnation],
    );
    assert.ok(message.includes(`, was replaced: ${text}; \`rebind: true\` binds`), message);
  });
}

Deno.test("Affinity: a session whose worker died or was killed learns why", async () => {
  const ends: readonly (readonly [string, RegExp, (it: FakePool, worker: FakeWorker) => void])[] = [
    [
      "killed",
      /^died with signal SIGKILL \(killed, by the system/,
      (_, worker) => worker.exit({ signal: "SIGKILL" }),
    ],
    ["exit", /^died with exit (code|status) 3/, (_, worker) => worker.exit({ exitCode: 3 })],
    ["segfault", /^died with signal SIGSEGV/, (_, worker) => worker.exit({ signal: "SIGSEGV" })],
    [
      "killed_by_host",
      /^was killed: deaf did not stop when it was told to$/,
      (it) => {
        const left = new AbortController();
        it.submit("deaf", { ...STRICT, signal: left.signal });
        left.abort();
      },
    ],
  ];
  for (const [reason, workerEnd, end] of ends) {
    await using it = await startPool();
    const worker = await runOnce(it, STRICT);
    end(it, worker);
    await until(() => it.pool.crashes.total === 1, "it has died");
    const { details } = await errorOf(() => it.submit("echo", STRICT));
    assert.equal(details.workerEndReason, reason);
    assert.match(String(details.workerEnd), workerEnd);
  }
});

Deno.test("Affinity: a worker that got a signal from outside, or was killed for its fault, is named with the reason", async () => {
  await using left = await startPool();
  const worker = await runOnce(left, STRICT);
  worker.leave("SIGTERM");
  await microtasks();
  const error = await errorOf(() => left.submit("echo", STRICT));
  assert.equal(error.details.workerEnd, "received SIGTERM and ended");
  assert.equal(error.details.workerEndReason, "terminated");

  await using fat = await startPool({ limits: { memoryBytes: 1_000 } });
  const greedy = await runOnce(fat, STRICT);
  greedy.tellMemory(2_000_000);
  await until(() => fat.pool.crashes.total === 1, "it was killed");
  const breach = await errorOf(() => fat.submit("echo", STRICT));
  assert.deepEqual([breach.code, breach.details.workerEndReason], [
    "session_worker_unavailable",
    "out_of_memory",
  ]);
  assert.match(
    String(breach.details.workerEnd),
    /^was killed: .* the limit memoryBytes of the pool/,
  );
});

Deno.test("Affinity: rebind starts the session again in another worker, to which it keeps", async () => {
  await using it = await startPool();
  const first = await runOnce(it, STRICT);
  await kill(it, first);
  assert.equal((await errorOf(() => it.submit("echo", STRICT))).code, "session_worker_unavailable");
  const second = await runOnce(it, REBIND);
  assert.notEqual(second, first);
  for (let i = 0; i < 3; i++) assert.equal(await runOnce(it, STRICT), second);
  await kill(it, second);
  assert.equal(
    (await errorOf(() => it.submit("echo", FAIL_FAST))).code,
    "session_worker_unavailable",
  );
});

Deno.test("Affinity: rebind has no effect while the worker of the session is there", async () => {
  await using it = await startPool();
  const { worker } = await hold(it, REBIND);
  const second = it.submit("hold", REBIND);
  assert.equal(second.state, "queued");
  worker.answer();
  await microtasks();
  assert.equal(it.workerRunning(second), worker);
});

Deno.test("Affinity: calls with rebind that wait for a worker that dies run together in another one, and the others fail", async () => {
  await using it = await startPool();
  const { worker } = await hold(it, STRICT);
  const plain = it.submit("hold", STRICT);
  const moving = [it.submit("hold", REBIND), it.submit("hold", REBIND)];
  worker.exit({ signal: "SIGKILL" });
  assert.equal(await endOf(plain), "session_worker_unavailable");
  const [first, second] = moving;
  assert.ok(first && second);
  await until(() => first.state === "running", "it has moved");
  assert.equal(second.state, "queued");
  const other = it.workerRunning(first);
  other.answer();
  await microtasks();
  assert.equal(it.workerRunning(second), other);
});

Deno.test("Affinity: two calls that rebind a session at once land on one worker", async () => {
  await using it = await startPool();
  await kill(it, await runOnce(it, STRICT));
  const { worker } = await hold(it, REBIND);
  const second = it.submit("hold", REBIND);
  assert.equal(second.state, "queued");
  worker.answer();
  await microtasks();
  assert.equal(it.workerRunning(second), worker);
});

Deno.test("Affinity: a session starts again only with a call that has run", async () => {
  await using it = await startPool({ size: 1, queueLimit: 1 });
  await kill(it, await runOnce(it, STRICT));
  await until(() => it.pool.serving.length === 1, "it was replaced");
  const { worker, call } = await hold(it);
  const unavailable = async (): Promise<void> => {
    const error = await errorOf(() => it.submit("echo", STRICT));
    assert.equal(error.code, "session_worker_unavailable");
  };
  assert.throws(() => it.submit("echo", { ...FAIL_FAST, rebind: true }), { code: "worker_busy" });
  await unavailable();
  const leaving = new AbortController();
  const left = it.submit("echo", { ...REBIND, signal: leaving.signal });
  assert.throws(() => it.submit("echo", REBIND), { code: "pool_saturated" });
  leaving.abort(new Error("left"));
  assert.equal(await endOf(left), "Error: left");
  await unavailable();
  worker.answer();
  await call.outcome;
  assert.match(await endOf(it.submit("echo", REBIND)), /^ok/);
  assert.match(await endOf(it.submit("echo", STRICT)), /^ok/);
});

Deno.test("Affinity: an idempotent call of a strict session does not run again elsewhere when its worker dies", async () => {
  await using it = await startPool();
  for (const rebind of [false, true]) {
    const request = { ...STRICT, sessionId: `s${rebind}`, rebind, idempotent: true };
    const { worker, call } = await hold(it, request);
    worker.exit({ signal: "SIGKILL" });
    const error = await errorOf(() => call);
    assert.deepEqual([error.code, error.details.mayHaveRun], ["worker_crashed", true]);
    assert.equal(it.pool.crashes.reruns, 0);
    await until(() => it.pool.serving.length === 2, "it was replaced");
  }
});

Deno.test("Affinity: an idempotent call with a hint runs again elsewhere", async () => {
  await using it = await startPool();
  const { worker, call } = await hold(it, { sessionId: "s", idempotent: true });
  worker.exit({ signal: "SIGKILL" });
  await until(() => it.launcher.alive.some((each) => each.running !== undefined), "it runs again");
  it.workerRunning(call).answer();
  assert.match(await endOf(call), /^ok/);
});

Deno.test("Affinity: calls with which a session kills its workers are poison all the same", async () => {
  await using it = await startPool({ poisonAfter: 2, poisonMs: 60_000 });
  for (let i = 0; i < 2; i++) {
    const { worker, call } = await hold(it, REBIND);
    worker.exit({ signal: "SIGSEGV" });
    assert.equal(await endOf(call), "worker_crashed");
    await until(() => it.pool.serving.length === 2, "it was replaced");
  }
  assert.throws(() => it.submit("hold", REBIND), { code: "poison_call" });
});

Deno.test("Affinity: a call whose caller leaves while it waits for a worker leaves nothing behind", async () => {
  await using it = await startPool();
  const { worker, call } = await hold(it, STRICT);
  const leaving = new AbortController();
  const queued = it.submit("hold", { ...STRICT, signal: leaving.signal });
  leaving.abort(new Error("left"));
  assert.equal(await endOf(queued), "Error: left");
  assert.equal(it.pool.queued, 0);
  worker.answer();
  await call.outcome;
  assert.deepEqual(worker.started.length, 1);
});

Deno.test("Affinity: a stopping pool refuses the calls that wait for one worker", async () => {
  const it = await startPool();
  const { worker } = await hold(it, STRICT);
  const queued = it.submit("hold", STRICT);
  const stopped = it.pool.stop({ drainMs: 5_000 });
  assert.equal(await endOf(queued), "shutting_down");
  worker.answer();
  await stopped;
});

Deno.test("Affinity: calls that wait for the last worker of a pool end because of it, not of the pool's health", async () => {
  await using it = await startPool({ size: 1 });
  const { worker } = await hold(it, STRICT);
  const queued = it.submit("hold", STRICT);
  it.launcher.failures = { always: "no memory" };
  worker.exit({ signal: "SIGKILL" });
  assert.equal(await endOf(queued), "session_worker_unavailable");
});

Deno.test("Affinity: while it is not known yet how a worker has ended, its sessions wait", async () => {
  await using it = await startPool({}, { unkillable: true });
  const worker = await runOnce(it, STRICT);
  worker.carrier.end();
  await microtasks();
  const queued = it.submit("hold", STRICT);
  assert.equal(queued.state, "queued");
  assert.equal(
    (await errorOf(() => it.submit("hold", FAIL_FAST))).code,
    "session_worker_unavailable",
  );
  worker.exit({ signal: "SIGKILL" });
  const error = await errorOf(() => queued);
  assert.match(String(error.details.workerEnd), /^died with signal SIGKILL/);
});

Deno.test("Affinity: a session that has learnt its loss is not answered after a hint has run elsewhere", async () => {
  await using it = await startPool();
  const worker = await runOnce(it, { sessionId: "s" });
  await kill(it, worker);
  const { code } = await errorOf(() => it.submit("echo", STRICT));
  assert.equal(code, "session_worker_unavailable");
  assert.match(await endOf(it.submit("echo", { sessionId: "s" })), /^ok/);
  assert.equal((await errorOf(() => it.submit("echo", STRICT))).code, code);
  assert.match(await endOf(it.submit("echo", REBIND)), /^ok/);
  assert.match(await endOf(it.submit("echo", STRICT)), /^ok/);
});
