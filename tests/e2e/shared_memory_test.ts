import assert from "node:assert/strict";
import { join } from "node:path";
import { DeadlineExceededError, type Snakeden, WorkerCrashedError } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { BridgeServer, type CallListener, Value } from "../../src/bridge/mod.ts";
import { type LaunchedWorker, SpawnLauncher, workerEnv } from "../../src/pool/mod.ts";
import { packagePath, workerCommand } from "../../src/python_env/mod.ts";
import { ADAPTERS, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const KEEPS = { adapter: "keeps_arrays:KeepsArrays" };

/** The answer of the tool `where` about an array. */
interface Where {
  readonly shared: boolean;
  readonly writeable: boolean;
  readonly aligned: boolean;
  readonly sum: number;
}

function doubles(bytes: number, seed = 0): Float64Array {
  return Float64Array.from({ length: bytes / 8 }, (_, i) => i + seed);
}

function sum(array: Float64Array): number {
  return array.reduce((total, it) => total + it, 0);
}

async function where(den: Snakeden, value: Float64Array): Promise<Where> {
  return await den.execute<Where>("where", { value });
}

/** Returns the names of shared memory that a host has left. */
function slabFiles(den: Snakeden): string[] {
  const run = join(den.config.dataDir, "run", den.runId);
  return [...Deno.readDirSync(run)].map((it) => it.name).filter((it) => /\.to_/.test(it));
}

Deno.test("Snakeden.execute() carries large arrays through shared memory there and back", async () => {
  await using den = await startDen(KEEPS);
  for (const bytes of [80 * KIB, 8 * MIB]) {
    const value = doubles(bytes);
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(await den.execute("double", { value }), value.map((it) => it * 2));
    }
    const { shared, writeable, aligned, sum: seen } = await where(den, value);
    assert.deepEqual({ shared, writeable, aligned }, {
      shared: true,
      writeable: false,
      aligned: true,
    });
    assert.equal(seen, sum(value));
  }
  assert.equal((await where(den, doubles(60 * KIB))).shared, false);
  const bytes = new Uint8Array(100 * KIB).fill(7);
  assert.deepEqual(await den.execute("give", { value: bytes }), bytes);
});

Deno.test("Snakeden.start() leaves no names of shared memory once the workers are ready", async () => {
  await using den = await startDen(KEEPS);
  await den.health.awaitReady();
  assert.deepEqual(slabFiles(den), []);
  assert.ok((await where(den, doubles(MIB))).shared);
});

Deno.test("Snakeden.execute() leaves an array that a tool keeps unchanged, and reuses its place afterwards", async () => {
  // There is room for three arrays.
  await using den = await startDen({ ...KEEPS, size: 1, sharedMemoryBytes: 3 * 80 * KIB });
  const kept = doubles(80 * KIB, 7);
  await den.execute("keep", { value: kept });
  for (let i = 0; i < 200; i++) {
    const other = doubles(80 * KIB, 1_000 + i);
    const seen = await where(den, other);
    assert.deepEqual([seen.shared, seen.sum], [true, sum(other)]);
  }
  assert.equal(await den.execute("kept_sum"), sum(kept));
  assert.deepEqual(await den.execute("give_kept"), kept);
  const large = doubles(240 * KIB);
  assert.equal((await where(den, large)).shared, false);
  await den.execute("drop");
  assert.equal((await where(den, large)).shared, true);
});

Deno.test("Snakeden.execute() sends arrays over the link while shared memory is full, or too small, or off", async () => {
  for (const bytes of [128 * KIB, 4 * KIB, 0]) {
    await using den = await startDen({ ...KEEPS, size: 1, sharedMemoryBytes: bytes });
    if (bytes > 100 * KIB) await den.execute("keep", { value: doubles(100 * KIB) });
    const value = doubles(80 * KIB, bytes);
    const seen = await where(den, value);
    assert.deepEqual([seen.shared, seen.sum], [false, sum(value)]);
    assert.deepEqual(await den.execute("double", { value }), value.map((it) => it * 2));
    assert.deepEqual(slabFiles(den), []);
  }
});

Deno.test("Snakeden.execute() sends arrays over gRPC when that carries the link", async () => {
  await using den = await startDen({ ...KEEPS, size: 1, carrier: "grpc" });
  const value = doubles(80 * KIB);
  const seen = await where(den, value);
  assert.deepEqual([seen.shared, seen.sum], [false, sum(value)]);
  assert.deepEqual(await den.execute("double", { value }), value.map((it) => it * 2));
});

Deno.test("Snakeden.execute() shares memory with the successor of a dead worker", async () => {
  await using den = await startDen({ ...KEEPS, size: 1, sharedMemoryBytes: 100 * KIB });
  const value = doubles(80 * KIB);
  for (const dies of ["in a call", "between calls"] as const) {
    if (dies === "in a call") {
      await assert.rejects(den.execute("die", { value }), WorkerCrashedError);
    } else {
      await den.execute("keep", { value });
      const pid = den.workers.list()[0]?.pid;
      assert.ok(pid);
      signalPid(pid, "SIGKILL");
      await until(
        () => den.workers.list().some((it) => it.state === "ready" && it.pid !== pid),
        "another worker",
      );
    }
    assert.deepEqual(await den.execute("double", { value }), value.map((it) => it * 2));
    assert.ok((await where(den, value)).shared);
    assert.deepEqual(slabFiles(den), []);
  }
});

Deno.test("Snakeden.execute() moves calls with their arrays to another worker if a long call is ahead of them", async () => {
  await using den = await startDen({ ...KEEPS, pipelineBudgetMs: 50 });
  const value = doubles(80 * KIB);
  const hold = (seconds: number): Promise<number> => den.execute("hold", { value, seconds });
  // These calls make the tool count as a quick one.
  for (let i = 0; i < 20; i++) await hold(0);
  const calls = [hold(0.5), hold(0.5), ...Array.from({ length: 40 }, () => hold(0))];
  for (const seen of await Promise.all(calls)) assert.equal(seen, sum(value));
});

Deno.test("Snakeden.stream() carries arrays through shared memory", async () => {
  await using den = await startDen({ ...KEEPS, size: 1 });
  for (const tool of ["chunks", "async_chunks"]) {
    let number = 0;
    for await (const chunk of den.stream<Float64Array>(tool, { n: 30, size: 50_000 })) {
      assert.deepEqual([chunk.length, chunk[0], chunk.at(-1)], [50_000, number, number]);
      number++;
    }
    assert.equal(number, 30);
    const list = await den.execute<Float64Array[]>(tool, { n: 3, size: 50_000 });
    assert.deepEqual(list.map((it) => it[49_999]), [0, 1, 2]);
  }
});

Deno.test("Snakeden.execute() frees its places after cancelled, late and failed calls", async () => {
  // There is room for one array in each direction.
  await using den = await startDen({ ...KEEPS, size: 1, sharedMemoryBytes: 80 * KIB });
  const value = doubles(80 * KIB);
  for (let i = 0; i < 3; i++) {
    const leaving = new AbortController();
    const held = den.execute("hold", { value, seconds: 60 }, { signal: leaving.signal });
    await until(() => den.workers.list()[0]?.state === "busy", "a busy worker");
    leaving.abort(new Error("left"));
    await assert.rejects(held, /left/);
    await assert.rejects(
      den.execute("hold", { value, seconds: 60 }, { timeoutMs: 50 }),
      DeadlineExceededError,
    );
    await assert.rejects(den.execute("fail", { value }), /an array of 10240/);
    assert.ok((await where(den, value)).shared);
  }
});

// ---- below the pool ----

interface Workers extends AsyncDisposable {
  launch(): Promise<LaunchedWorker>;
}

async function launcher(): Promise<Workers> {
  const stack = new AsyncDisposableStack();
  const { path } = stack.use(await tempDir());
  const bridge = stack.use(await BridgeServer.listen(path));
  const spawns = new SpawnLauncher({
    bridge,
    carrier: "socket",
    command: workerCommand({ executable: await devPython(), version: "3.10.0" }),
    env: workerEnv({
      env: {},
      inheritEnv: [],
      threads: 1,
      runId: "r",
      packagePath: packagePath(),
    }),
    welcome: {
      adapters: [KEEPS.adapter],
      modulePaths: [ADAPTERS],
      logLevel: "INFO",
      maxDepth: 200,
      maxResultBytes: 64 * MIB,
    },
    runDirectory: path,
    sharedMemory: { bytes: MIB, minBytes: 64 * KIB },
    startTimeoutMs: 60_000,
  });
  let count = 0;
  return {
    async launch(): Promise<LaunchedWorker> {
      const workerId = `default-${++count}`;
      const launched = await spawns.launch({
        workerId,
        incarnation: `${workerId}.x`,
        events: { onLog: () => {}, onClosed: () => {} },
        onLine: () => {},
      }, new AbortController().signal);
      stack.defer(async () => {
        launched.progress?.[Symbol.dispose]();
        launched.link.close();
        await launched.process.kill();
      });
      return launched;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Sends a call on a link, and returns what comes back, in order. */
function send(
  { link }: LaunchedWorker,
  tool: string,
  args: Value,
): { id: number; heard: string[] } {
  const heard: string[] = [];
  const listener: CallListener = {
    onResult: (value) => heard.push(`result ${value.jsonText()}`),
    onFailure: (error) => heard.push(`failure ${error.code}`),
    onRecalled: () => heard.push("recalled"),
    onChunk: () => heard.push("chunk"),
    onProgress: () => heard.push("progress"),
  };
  const id = link.call({
    tool,
    args,
    timeoutMs: 0,
    stream: false,
    windowBytes: 0,
    sessionId: "",
    requestId: "",
  }, listener);
  return { id, heard };
}

Deno.test("Link frees the places of calls that were cancelled before or after their start", async () => {
  await using workers = await launcher();
  const worker = await workers.launch();
  const args = Value.from({ value: doubles(80 * KIB), seconds: 60 });
  const calls = [1, 2, 3].map(() => send(worker, "hold", args));
  await until(() => calls[0]?.heard.includes("progress"), "the first call to run");
  assert.equal(worker.link.sharedInUse, 3);
  for (const { id } of calls.toReversed()) worker.link.cancel(id);
  // The worker may release the buffer of the call that ran before it answers that call.
  await until(
    () => calls.every(({ heard }) => heard.at(-1) === "failure cancelled"),
    "each answer",
  );
  await until(() => worker.link.sharedInUse === 0, "every place");
});

Deno.test("Link frees the places of recalled calls, and another worker runs them with the same value", async () => {
  await using workers = await launcher();
  const [one, two] = [await workers.launch(), await workers.launch()];
  const array = doubles(80 * KIB, 5);
  const running = send(one, "hold", Value.from({ value: array, seconds: 60 }));
  await until(() => running.heard.includes("progress"), "the first call to run");
  const args = Value.from({ value: array, seconds: 0 });
  const ahead = send(one, "hold", args);
  assert.equal(one.link.sharedInUse, 2);
  one.link.recall();
  await until(() => ahead.heard.includes("recalled"), "the call to come back");
  await until(() => one.link.sharedInUse === 1, "its place");
  const again = send(two, "hold", args);
  await until(() => again.heard.length === 2, "its result");
  assert.deepEqual(again.heard, ["progress", `result ${sum(array).toFixed(1)}`]);
  await until(() => two.link.sharedInUse === 0, "every place");
});

Deno.test("Link has nothing in use once its worker is dead", async () => {
  await using workers = await launcher();
  const worker = await workers.launch();
  send(worker, "hold", Value.from({ value: doubles(80 * KIB), seconds: 60 }));
  assert.equal(worker.link.sharedInUse, 1);
  await worker.process.kill();
  await until(() => worker.link.closedReason !== undefined, "the link to end");
  assert.equal(worker.link.sharedInUse, 0);
});
