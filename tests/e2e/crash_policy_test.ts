/** Tests crashes, reruns and quarantine with real processes that die. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError, WorkerCrashedError } from "../../mod.ts";
import { ADAPTERS, isAlive, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const AGAIN = { adapter: "dies_again", poisonAfter: 9, taintAfter: 0 } as const;

async function errorOf(promise: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await promise.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

async function linesOf(path: string): Promise<string[]> {
  return (await Deno.readTextFile(path)).trim().split("\n");
}

Deno.test("Snakeden replaces a worker that is SIGKILLed while idle, and the next call succeeds", async () => {
  await using den = await startDen({ ...AGAIN, size: 1 });
  const pid = await den.execute<number>("pid");
  signalPid(pid, "SIGKILL");
  await until(() => den.workers.list().some((it) => it.pid && it.pid !== pid), "the replacement");
  assert.notEqual(await den.execute("pid"), pid);
  assert.equal(den.pools.list()[0]?.crashes.recent.killed, 1);
});

Deno.test("Snakeden.execute() rejects with the signal when its worker is SIGKILLed, and the slot is freed", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 1 });
  const pid = await den.execute<number>("pid");
  const path = join(dir.path, "n");
  const sleeping = errorOf(den.execute("nap", { seconds: 600, path }));
  await until(() => linesOf(path).catch(() => false), "the call to run");
  signalPid(pid, "SIGKILL");
  const error = await sleeping;
  assert.ok(error instanceof WorkerCrashedError);
  assert.deepEqual([error.exit.signal, error.exit.exitCode], ["SIGKILL", null]);
  const { crash, mayHaveRun, workersLost } = error.details;
  assert.deepEqual([crash, mayHaveRun, workersLost], [{ kind: "killed" }, true, 1]);
  assert.notEqual(await den.execute("pid"), pid);
});

const ENDS: readonly [string, unknown][] = [
  ["segfault", { kind: "segfault" }],
  ["SIGABRT", { kind: "abort" }],
  ["SIGBUS", { kind: "bus_error" }],
  ["SIGILL", { kind: "illegal_instruction" }],
  ["SIGKILL", { kind: "killed" }],
  ["out of memory", { kind: "out_of_memory", reason: "MemoryError: no more" }],
  ["7", { kind: "exit" }],
  // The worker's own statuses, for an adapter that fails, a refusal and a lost link.
  ["3", { kind: "exit" }],
  ["4", { kind: "exit" }],
  ["5", { kind: "exit" }],
  ["0", { kind: "exit" }],
  ["139", { kind: "segfault" }],
];

Deno.test("worker_crashed names the kind of the crash, and the pool counts it", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 2 });
  const counts: Record<string, number> = {};
  for (const [how, crash] of ENDS) {
    const path = join(dir.path, how);
    const error = await errorOf(den.execute("dies_once", { path, how }));
    assert.deepEqual([how, error.code, error.details.crash], [how, "worker_crashed", crash]);
    const { kind } = crash as { kind: string };
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  await until(
    () => den.pools.list()[0]?.crashes.total === ENDS.length,
    "the last one to be counted",
  );
  assert.deepEqual(den.pools.list()[0]?.crashes.recent, counts);
});

Deno.test("Snakeden.execute() runs an idempotent call whose worker segfaults again elsewhere, at most maxReruns times, and no other call", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 2, maxReruns: 2 });
  const path = join(dir.path, "twice");
  const { attempt, pid } = await den.execute<{ attempt: number; pid: number }>("dies_at_first", {
    path,
    times: 2,
  });
  assert.equal(attempt, 3);
  const pids = await linesOf(path);
  assert.equal(new Set(pids).size, 3, "three processes");
  assert.equal(pids.at(-1), String(pid));

  const often = join(dir.path, "often");
  const error = await errorOf(den.execute("dies_at_first", { path: often, times: 99 }));
  assert.deepEqual([error.code, error.details.workersLost], ["worker_crashed", 3]);
  assert.equal((await linesOf(often)).length, 3);

  const once = join(dir.path, "once");
  assert.equal((await errorOf(den.execute("dies_once", { path: once }))).code, "worker_crashed");
  assert.equal((await linesOf(once)).length, 1);

  const asked = join(dir.path, "asked");
  assert.equal(await den.execute("dies_once", { path: asked }, { idempotent: true }), 2);
  assert.deepEqual(
    den.tools.list().filter((it) => it.idempotent).map((it) => it.name).sort(),
    ["dies_at_first", "size_of", "stream_dies"],
  );
});

Deno.test("Snakeden.stream() begins again when its worker dies before the first chunk, but not after it", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 2 });
  const before = await Array.fromAsync(
    den.stream("stream_dies", { path: join(dir.path, "before"), after: 0 }),
  );
  assert.deepEqual(before, [0, 1, 2]);
  const chunks: unknown[] = [];
  const error = await errorOf((async () => {
    const args = { path: join(dir.path, "after"), after: 2 };
    for await (const chunk of den.stream("stream_dies", args)) chunks.push(chunk);
  })());
  assert.deepEqual([error.code, error.details.workersLost], ["worker_crashed", 1]);
  assert.deepEqual(chunks, [0, 1]);
});

Deno.test("Snakeden.execute() sends large buffers again when a call runs again", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 2 });
  const data = new Uint8Array(3_000_000);
  assert.equal(await den.execute("size_of", { path: join(dir.path, "n"), data }), 3_000_000);
});

Deno.test("Snakeden.execute() runs a call again within its one deadline", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ ...AGAIN, size: 1, maxReruns: 100, poisonAfter: 100 });
  const path = join(dir.path, "n");
  const args = { path, times: 1_000, how: "SIGKILL" };
  const error = await errorOf(den.execute("dies_at_first", args, { timeoutMs: 2_000 }));
  assert.ok(["worker_crashed", "deadline_exceeded"].includes(error.code), error.code);
  const { length } = await linesOf(path);
  assert.ok(length >= 1 && length < 100, `${length} attempts`);
});

Deno.test("worker_crashed reads no meaning of Snakeden into the exit status of a tool, which is poison like any other", async () => {
  await using den = await startDen({ adapter: "dies_in_call", size: 1, poisonAfter: 3 });
  for (const code of [3, 4, 5]) {
    const error = await errorOf(den.execute("exit_with", { code }));
    assert.match(error.summary, new RegExp(`ended with exit code ${code}$`));
  }
  const again = (): Promise<SnakedenError> => errorOf(den.execute("exit_with", { code: 5 }));
  assert.deepEqual([(await again()).code, (await again()).code], Array(2).fill("worker_crashed"));
  assert.equal((await again()).code, "poison_call");
});

Deno.test("worker_start_failed reads no meaning of Snakeden into the exit status of an adapter", async () => {
  await using dir = await tempDir();
  for (const code of [3, 4, 5]) {
    await Deno.writeTextFile(join(dir.path, `exits_${code}.py`), `import os; os._exit(${code})`);
    await using den = await startDen({ adapter: `exits_${code}`, modulePaths: [dir.path] });
    const [pool] = den.pools.list();
    assert.match(
      pool?.reason ?? "",
      new RegExp(`ended with exit code ${code} before it was ready`),
    );
  }
});

Deno.test("poison_call refuses a call that kills workers repeatedly, with its history, over HTTP too", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.json");
  const pool = { name: "default", size: 2, adapter: "dies_in_call", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool], drainMs: 500 }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const execute = async (body: unknown): Promise<[number, Record<string, unknown>]> => {
    const response = await fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  };
  const poison = { tool: "exit_with", args: { code: 9 }, idempotent: true };
  const [status, problem] = await execute(poison);
  assert.deepEqual([status, problem.code, problem.retryable], [422, "poison_call", false]);
  const { history, workersLost } = problem.details as Record<string, unknown>;
  assert.ok(Array.isArray(history));
  assert.deepEqual([workersLost, history.length], [3, 3]);
  assert.equal(new Set(history.map((it) => it.incarnation)).size, 3);
  assert.ok(history.every((it) => it.exitCode === 9 && it.mayHaveRun === true));

  const [again, refused] = await execute({ ...poison, idempotent: false });
  assert.deepEqual([again, refused.code], [422, "poison_call"]);
  assert.deepEqual((refused.details as Record<string, unknown>).history, history);
  const [other, crashed] = await execute({ tool: "exit_with", args: { code: 8 } });
  assert.deepEqual([other, crashed.code], [502, "worker_crashed"]);
  assert.equal((await execute({ tool: "fine" }))[1].result, "fine");
  const listed = await (await fetch(`${server.url}/v1/pools/default`)).json();
  const { total, recent, reruns, poisoned } = listed.crashes;
  assert.deepEqual([total, recent, reruns, poisoned], [4, { exit: 4 }, 2, 2]);
});

Deno.test("Snakeden restarts no worker of another pool when the workers of one keep crashing", async () => {
  await using den = await startDen({}, {
    pools: [
      { name: "steady", size: 2, adapter: "dies_again", modulePaths: [ADAPTERS] },
      { name: "looping", size: 1, adapter: "dies_in_call", modulePaths: [ADAPTERS] },
      { name: "never", size: 1, adapter: "exits_at_import", modulePaths: [ADAPTERS] },
    ],
  });
  const steady = (): unknown[] =>
    den.workers.list().filter((it) => it.pool === "steady").map(({ pid, incarnation }) => ({
      pid,
      incarnation,
    }));
  const before = steady();
  assert.equal(before.length, 2);
  for (let code = 11; code < 17; code++) {
    const error = await errorOf(den.execute("exit_with", { code }, { pool: "looping" }));
    assert.equal(error.code, "worker_crashed");
  }
  assert.deepEqual(steady(), before);
  const pools = Object.fromEntries(den.pools.list().map((it) => [it.name, it]));
  assert.deepEqual([pools.steady?.stats.restarts, pools.steady?.crashes.total], [0, 0]);
  assert.equal(pools.looping?.crashes.recent.exit, 6);
  assert.equal(pools.never?.state, "unhealthy");
  assert.equal(typeof await den.execute("pid", {}, { pool: "steady" }), "number");
});

Deno.test("Snakeden treats an unrequested exit with status 0 as a failure, and starts a new worker", async () => {
  await using den = await startDen({ adapter: "dies_in_call", size: 1 });
  const [before] = den.workers.list();
  const error = await errorOf(den.execute("exit_with", { code: 0 }));
  assert.ok(error instanceof WorkerCrashedError);
  assert.equal(error.exit.exitCode, 0);
  assert.deepEqual(error.details.crash, { kind: "exit" });
  assert.equal(await den.execute("fine"), "fine");
  assert.notEqual(den.workers.list()[0]?.incarnation, before?.incarnation);
  assert.equal(den.pools.list()[0]?.stats.restarts, 1);
});

Deno.test("Snakeden leaves no worker of an earlier host", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.json");
  const pool = { name: "default", size: 2, adapter: "dies_again", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  const options = { dataDir: dir.path, env: { SNAKEDEN_CONFIG: config } };
  interface Seen {
    pid: number;
    incarnation: string;
  }
  const workersAt = async (url: string): Promise<Seen[]> =>
    (await (await fetch(`${url}/v1/workers`)).json()).workers;
  let old: Seen[] = [];
  {
    await using first = await ServerProcess.start(options);
    old = await until(async () => {
      const workers = await workersAt(first.url);
      return workers.length === 2 && workers.every((it) => it.pid) && workers;
    }, "both workers");
    first.kill("SIGKILL");
    await first.finished();
  }
  await until(() => old.every(({ pid }) => !isAlive(pid)), "the old workers to be gone");
  await using second = await ServerProcess.start(options);
  const now = await until(async () => {
    const workers = await workersAt(second.url);
    return workers.length === 2 && workers.every((it) => it.pid) && workers;
  }, "both workers");
  assert.ok(now.every(({ pid }) => isAlive(pid)));
  const incarnations = new Set(old.map((it) => it.incarnation));
  assert.ok(now.every((it) => !incarnations.has(it.incarnation)));
});

Deno.test("Snakeden leaves a slot empty for a while when its workers keep crashing, and the others serve on", async () => {
  await using den = await startDen({
    ...AGAIN,
    size: 2,
    taintAfter: 2,
    taintMs: 1_500,
    crashWindowMs: 60_000,
  });
  for (let kills = 0; kills < 2; kills++) {
    const pid = await until(
      () => den.workers.list().find((it) => it.id === "default-1" && it.state === "ready")?.pid,
      "a worker in the first slot",
    );
    signalPid(pid, "SIGABRT");
    await until(() => den.pools.list()[0]?.crashes.total === kills + 1, "its death to be seen");
  }
  const [slot] = await until(() => {
    const { tainted = [] } = den.pools.list()[0] ?? {};
    return tainted.length > 0 && tainted;
  }, "the quarantine");
  assert.equal(slot?.workerId, "default-1");
  assert.deepEqual(den.workers.list().map((it) => it.id), ["default-2"]);
  assert.equal(typeof await den.execute("pid"), "number");
  await until(() => den.pools.list()[0]?.workers.ready === 2, "the slot to be filled again");
  assert.deepEqual(den.pools.list()[0]?.tainted, []);
});
