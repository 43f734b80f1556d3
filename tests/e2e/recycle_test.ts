import assert from "node:assert/strict";
import { LimitExceededError, PythonError, type Snakeden } from "../../mod.ts";
import { isAlive, startDen, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const MIB = 1 << 20;

interface Load {
  readonly answers: number;
  readonly failures: unknown[];
  stop(): Promise<void>;
}

/**
 * Starts callers that make one call after another until they are stopped, and counts the outcomes.
 */
function underLoad(den: Snakeden, tool: string, callers = 4): Load {
  const failures: unknown[] = [];
  let answers = 0;
  let going = true;
  const work = Array.from({ length: callers }, async () => {
    while (going) {
      await den.execute(tool).then(() => answers++, (error) => failures.push(error));
    }
  });
  return {
    get answers(): number {
      return answers;
    },
    failures,
    async stop(): Promise<void> {
      going = false;
      await Promise.all(work);
    },
  };
}

function pids(den: Snakeden): number[] {
  return den.workers.list().map(({ pid = 0 }) => pid);
}

Deno.test("Snakeden.pools.recycle() replaces every process under load; no call fails, no process is left", async () => {
  await using den = await startDen({ adapter: "stays_busy", size: 2 });
  const old = pids(den);
  const load = underLoad(den, "pid");
  for (let round = 0; round < 3; round++) await den.pools.recycle();
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.ok(load.answers > 0);
  assert.deepEqual(old.map(isAlive), [false, false]);
  assert.equal(workersOf({ runId: den.runId }).length, 2);
  assert.equal(den.pools.list()[0]?.stats.recycled, 6);
});

Deno.test("Snakeden.pools.recycle() and workers.stop() name a missing pool or worker", async () => {
  await using den = await startDen({ adapter: "stays_busy", size: 1 });
  await assert.rejects(den.pools.recycle({ pool: "defautl" }), { code: "unknown_pool" });
  await assert.rejects(den.pools.recycle({ pool: "default", workers: ["default-9"] }), {
    code: "unknown_worker",
    message: /"default-9" in the pool default; did you mean "default-1"\?/,
  });
  await assert.rejects(den.workers.stop("heavy-1"), { code: "unknown_worker" });
  assert.equal(den.pools.list()[0]?.stats.recycled, 0);
});

Deno.test("recycle.maxCalls of 10 sends the 11th call to another process", async () => {
  await using den = await startDen({
    adapter: "stays_busy",
    size: 1,
    recycle: { maxCalls: 10 },
  });
  const served: number[] = [];
  for (let i = 0; i < 31; i++) served.push(await den.execute<number>("pid"));
  const turns = [0, 10, 20].map((at) => new Set(served.slice(at, at + 10)));
  assert.deepEqual(turns.map((it) => it.size), [1, 1, 1]);
  assert.equal(new Set(served).size, 4);
});

Deno.test("recycle.maxRssBytes replaces a worker by the figures of its own Python, without failing its call", async () => {
  await using den = await startDen({
    adapter: "eats_memory",
    size: 1,
    heartbeat: { pingIntervalMs: 50 },
    recycle: { maxRssBytes: 256 * MIB },
  });
  const [before] = pids(den);
  assert.equal(await den.execute("eat", { megabytes: 300 }), 300);
  await until(() => den.pools.list()[0]?.stats.recycled === 1, "its successor");
  // Its memory has gone with it.
  assert.equal(await den.execute("let_go"), 0);
  await until(() => !isAlive(before ?? 0), "the old one to be gone");
});

Deno.test("limits.memoryBytes fails the call of a worker that holds more with out_of_memory, and the pool serves on", async () => {
  await using den = await startDen({
    adapter: "eats_memory",
    size: 1,
    limits: { memoryBytes: 256 * MIB },
  });
  await assert.rejects(den.execute("eat_and_stay", { megabytes: 300 }), (error: unknown) => {
    assert.ok(error instanceof LimitExceededError);
    assert.equal(error.code, "out_of_memory");
    assert.match(error.message, /held \d+\.\d MiB of memory, the limit memoryBytes .* 256\.0 MiB/);
    assert.ok(Number(error.details["measured"]) > 256 * MIB);
    return true;
  });
  assert.equal(await den.execute("eat", { megabytes: 1 }), 1);
});

Deno.test("limits.dataBytes fails a call that allocates more with MemoryError, and keeps its worker", async () => {
  await using den = await startDen({
    adapter: "eats_memory",
    size: 1,
    limits: { dataBytes: 512 * MIB },
  });
  const [before] = pids(den);
  await assert.rejects(den.execute("eat", { megabytes: 1024 }), (error: unknown) => {
    assert.ok(error instanceof PythonError);
    assert.equal(error.python.type, "MemoryError");
    assert.match(error.message, /the limit dataBytes of the pool is 536870912/);
    return true;
  });
  await den.execute("let_go");
  assert.deepEqual(pids(den), [before]);
});

Deno.test("limits.cpuSeconds fails a longer call with cpu_limit_exceeded and its place, and resets for other calls", async () => {
  await using den = await startDen({
    adapter: "shows_limits",
    size: 1,
    limits: { cpuSeconds: 1 },
  });
  for (let i = 0; i < 3; i++) await den.execute("burn", { seconds: 0.7 });
  assert.equal(den.pools.list()[0]?.stats.restarts, 0);
  await assert.rejects(den.execute("burn", { seconds: 60 }), (error: unknown) => {
    assert.ok(error instanceof LimitExceededError);
    assert.equal(error.code, "cpu_limit_exceeded");
    assert.match(error.message, /the limit cpuSeconds of the pool allows, which is 1 s;/);
    assert.match(error.exit.lastOutput.join("\n"), /shows_limits.py", line \d+ in burn/);
    return true;
  });
  assert.equal(await den.execute("open_files", { count: 3 }), 3);
});

Deno.test("Snakeden.pools.recycle() starts a successor with the same env, adapter, profile and limits", async () => {
  await using den = await startDen({
    adapter: "shows_limits",
    size: 1,
    limits: { openFiles: 99, nice: 1 },
  });
  const before = await den.execute("limits");
  await den.pools.recycle({ pool: "default" });
  assert.deepEqual(await den.execute("limits"), before);
  assert.equal((before as { openFiles: number[] }).openFiles[0], 99);
});
