import assert from "node:assert/strict";
import {
  DeadlineExceededError,
  InvalidInputError,
  type PoolInfo,
  type PoolStats,
  PythonError,
  type Snakeden,
  SnakedenError,
  WorkerCrashedError,
} from "../../mod.ts";
import { isAlive, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

function poolStats(den: Snakeden): PoolStats & { ended: number; pool: PoolInfo } {
  const [pool] = den.pools.list();
  assert.ok(pool);
  const { stats } = pool;
  const ended = stats.completed + stats.failed + stats.cancelled + stats.timedOut + stats.crashed +
    stats.refused;
  return { ...stats, ended, pool };
}

Deno.test("Snakeden.execute() runs the demo adapter's tools", async () => {
  await using den = await startDen({ adapter: "snakeden.demo" });
  assert.equal(await den.execute("add", { a: 2, b: 3 }), 5);
  assert.equal(await den.execute("add", { a: 2.5, b: 1 }), 3.5);
  assert.equal(await den.execute("ping"), "pong");
  assert.deepEqual(await den.execute("echo", { value: { ключ: ["✓", null, true] } }), {
    ключ: ["✓", null, true],
  });
  assert.deepEqual(
    await den.execute("counter", { n: 3 }),
    await chunksOf(den, "counter", { n: 3 }),
  );
});

async function chunksOf(
  den: Snakeden,
  tool: string,
  args: Record<string, unknown>,
): Promise<unknown[]> {
  return await Array.fromAsync(den.stream(tool, args));
}

Deno.test("Snakeden.execute() refuses an unknown tool and names near ones", async () => {
  await using den = await startDen({ adapter: "snakeden.demo" });
  const error = await rejection(den.execute("ad", {}));
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "unknown_tool");
  assert.match(error.message, /"add"/);
});

Deno.test("Snakeden.execute() refuses an unknown pool and names near ones", async () => {
  await using den = await startDen({ adapter: "snakeden.demo" });
  const error = await rejection(den.execute("add", { a: 1, b: 2 }, { pool: "defalt" }));
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "unknown_pool");
  assert.match(error.message, /did you mean "default"/);
});

Deno.test("Snakeden.execute() names every argument that the type hints refuse", async () => {
  await using den = await startDen({ adapter: "snakeden.demo" });
  const error = await rejection(den.execute("add", { a: "two", b: null, c: 1 }));
  assert.ok(error instanceof InvalidInputError);
  assert.equal(error.code, "invalid_arguments");
  assert.deepEqual(error.issues.map((it) => it.path).sort(), ["args.a", "args.b", "args.c"]);
});

Deno.test("Snakeden.execute() checks its options and names every bad one", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  for (const timeoutMs of [0, -1, Infinity, NaN, 86_400_001]) {
    const error = await rejection(den.execute("ping", {}, { timeoutMs, priority: 11 }));
    assert.ok(error instanceof InvalidInputError);
    assert.deepEqual(error.issues.map((it) => it.path), ["timeoutMs", "priority"]);
  }
});

Deno.test("Snakeden.execute() rejects with the type, message and traceback of a Python exception", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  const error = await rejection(den.execute("profile_csv", { path: "/does/not/exist.csv" }));
  assert.ok(error instanceof PythonError);
  assert.equal(error.code, "python_exception");
  assert.equal(error.python.type, "FileNotFoundError");
  assert.match(error.python.traceback ?? "", /Traceback/);
});

/** Starts a call of one second, and resolves when its tool runs. `end` is its outcome. */
async function runningCall(den: Snakeden): Promise<{ readonly end: Promise<unknown> }> {
  const events = den.stream("stubborn_aloud", { seconds: 1 }).events();
  assert.equal((await events.next()).value?.type, "progress");
  const end = events.next();
  end.catch(() => {});
  return { end };
}

Deno.test("Snakeden.execute() fails only the call whose worker is killed, and the pool is whole again", async () => {
  await using den = await startDen({ adapter: "swallows_cancel" });
  const calls = await Promise.all([runningCall(den), runningCall(den)]);
  const [victim] = den.workers.list();
  assert.ok(victim?.pid);
  signalPid(victim.pid, "SIGKILL");
  const outcomes = await Promise.allSettled(calls.map(({ end }) => end));
  assert.deepEqual(outcomes.map((it) => it.status).sort(), ["fulfilled", "rejected"]);
  const error = outcomes.find((it) => it.status === "rejected")?.reason;
  assert.ok(error instanceof WorkerCrashedError, String(error));
  assert.equal(error.exit.signal, "SIGKILL");
  assert.equal(error.details["mayHaveRun"], true);
  assert.equal(error.details["workerId"], victim.id);
  await until(() => {
    const ready = den.workers.list().filter((it) => it.state === "ready");
    return ready.length === 2 && ready.every((it) => it.pid !== victim.pid);
  }, "two ready workers");
  const { requests, ended, crashed, completed, restarts } = poolStats(den);
  assert.deepEqual({ requests, ended, crashed, completed, restarts }, {
    requests: 2,
    ended: 2,
    crashed: 1,
    completed: 1,
    restarts: 1,
  });
});

Deno.test("Snakeden.execute() rejects with the exit code and last output of a worker that ends in a call", async () => {
  await using den = await startDen({ adapter: "dies_in_call", size: 1 });
  const error = await rejection(den.execute("last_words", { text: "tell my mother", code: 42 }));
  assert.ok(error instanceof WorkerCrashedError, String(error));
  assert.equal(error.exit.exitCode, 42);
  assert.deepEqual(error.exit.lastOutput.slice(-1), ["tell my mother"]);
  const crash = await rejection(den.execute("segfault", {}));
  assert.ok(crash instanceof WorkerCrashedError, String(crash));
  assert.equal(crash.exit.signal, "SIGSEGV");
});

Deno.test("Snakeden.execute() stops the Python work when its signal aborts", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ adapter: "appender", size: 1 });
  const path = `${dir.path}/lines`;
  const leaving = new AbortController();
  const call = den.execute("append_forever", { path, interval: 0.005 }, { signal: leaving.signal });
  await until(() => Deno.stat(path).then((it) => it.size > 0, () => false), "the first line");
  leaving.abort(new Error("I changed my mind"));
  assert.match(String(await rejection(call)), /I changed my mind/);
  const worker = await until(
    () => den.workers.list().find((it) => it.state === "ready"),
    "a ready worker",
  );
  const size = (await Deno.stat(path)).size;
  // The worker takes another call, so the one before has ended.
  await rejection(den.execute("append_forever", { path: "/does/not/exist" }));
  assert.equal((await Deno.stat(path)).size, size);
  assert.equal(den.workers.list()[0]?.pid, worker.pid);
});

Deno.test("Snakeden.execute() applies one deadline to queue and tool, and names the stage at which it passed", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 1 });
  const first = den.execute("sleep", { seconds: 60 }, { timeoutMs: 400 });
  const second = den.execute("sleep", { seconds: 0 }, { timeoutMs: 100 });
  const [inTool, inQueue] = await Promise.all([rejection(first), rejection(second)]);
  assert.ok(inTool instanceof DeadlineExceededError);
  assert.equal(inTool.stage, "tool");
  assert.ok(inQueue instanceof DeadlineExceededError);
  assert.equal(inQueue.stage, "queue");
  // The worker stopped the call by its own clock, and lives on.
  assert.equal(await den.execute("ping"), "pong");
  assert.equal(poolStats(den).restarts, 0);
});

Deno.test("Snakeden.execute() kills and replaces a worker that ignores a cancel", async () => {
  await using den = await startDen({ adapter: "holds_gil", size: 1, cancelGraceMs: 200 });
  const [worker] = den.workers.list();
  const error = await rejection(den.execute("hold_gil", { seconds: 60 }, { timeoutMs: 100 }));
  assert.ok(error instanceof DeadlineExceededError, String(error));
  const next = await until(
    () => den.workers.list().find((it) => it.state === "ready" && it.pid !== worker?.pid),
    "another worker",
  );
  assert.notEqual(next.incarnation, worker?.incarnation);
  assert.equal(isAlive(worker?.pid ?? 0), false);
});

Deno.test("Snakeden.execute() refuses one call more than the queue holds, at once", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 1, queueLimit: 2 });
  const leaving = new AbortController();
  const { signal } = leaving;
  const calls = [1, 2, 3].map(() => den.execute("sleep", { seconds: 60 }, { signal }));
  const refused = await rejection(den.execute("ping"));
  assert.ok(refused instanceof SnakedenError);
  assert.equal(refused.code, "pool_saturated");
  assert.match(refused.message, /2 calls wait/);
  leaving.abort();
  await Promise.allSettled(calls);
  assert.equal(await den.execute("ping"), "pong");
  const { requests, ended, saturated, cancelled } = poolStats(den);
  assert.deepEqual({ requests, ended, saturated, cancelled }, {
    requests: 5,
    ended: 5,
    saturated: 1,
    cancelled: 3,
  });
});

Deno.test("Snakeden.execute() answers 1,000 concurrent sleeps over 4 workers", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 4 });
  const calls = Array.from({ length: 1_000 }, () => den.execute("sleep", { seconds: 0.01 }));
  await Promise.all(calls);
  const { requests, completed, pool } = poolStats(den);
  assert.deepEqual({ requests, completed, queued: pool.queued, busy: pool.workers.busy }, {
    requests: 1_000,
    completed: 1_000,
    queued: 0,
    busy: 0,
  });
  // The least-loaded worker gets the call: none was idle.
  for (const { calls } of den.workers.list()) assert.ok(calls > 100, `only ${calls} calls`);
});

Deno.test("Snakeden.execute() does not leak in 10,000 calls", async () => {
  await using den = await startDen({ adapter: "snakeden.demo", size: 2 });
  const value = "x".repeat(1_000);
  async function batch(): Promise<void> {
    for (let i = 0; i < 50; i++) {
      await Promise.all(Array.from({ length: 100 }, () => den.execute("echo", { value })));
    }
  }
  const workerBytes = (): number =>
    den.workers.list().reduce((sum, it) => sum + (it.rssBytes ?? 0), 0);
  await batch();
  const before = { workers: workerBytes(), host: Deno.memoryUsage().rss };
  await batch();
  await batch();
  const after = { workers: workerBytes(), host: Deno.memoryUsage().rss };
  // 10,000 calls that each leak a kilobyte would add 10 MB on each side, and more with overhead.
  assert.ok(after.workers - before.workers < 8e6, JSON.stringify({ before, after }));
  assert.ok(after.host - before.host < 60e6, JSON.stringify({ before, after }));
});

Deno.test("Snakeden.stop() answers queued calls with shutting_down and lets the running one finish", async () => {
  const den = await startDen({ adapter: "snakeden.demo", size: 1 });
  const running = den.execute("sleep", { seconds: 0.3 });
  const queued = rejection(den.execute("ping"));
  await den.stop();
  await running;
  const error = await queued;
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "shutting_down");
  await assert.rejects(den.execute("ping"), { code: "shutting_down" });
});

Deno.test("Snakeden.stop() cancels running calls when the drain is over", async () => {
  const den = await startDen({ adapter: "snakeden.demo", size: 1, drainMs: 100 });
  const running = rejection(den.execute("sleep", { seconds: 60 }));
  await den.stop();
  const error = await running;
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "shutting_down");
  assert.equal(error.details["mayHaveRun"], true);
});

Deno.test("Snakeden.stop() kills the draining workers when it is called again", async () => {
  const den = await startDen({ adapter: "swallows_cancel", size: 1 });
  const { end } = await runningCall(den);
  const draining = den.stop();
  await den.stop({ drainMs: 0 });
  await draining;
  assert.ok(await rejection(end) instanceof WorkerCrashedError);
});

Deno.test("Snakeden.execute() keeps its pool healthy when one tool kills every worker it runs in", async () => {
  await using den = await startDen({ adapter: "dies_in_call", size: 1, poisonMs: 0 });
  for (let i = 0; i < 5; i++) {
    const error = await rejection(den.execute("exit_with", { code: 3 }));
    assert.ok(error instanceof WorkerCrashedError, String(error));
  }
  assert.equal(den.pools.list()[0]?.stats.crashed, 5);
});
