/**
 * Pools that scale from no worker to all of them and back, again and again, leave nothing behind.
 * With `deno task test --long` they do it 1,000 times.
 */
import assert from "node:assert/strict";
import type { Snakeden, SnakedenOptions } from "../../mod.ts";
import { Worker } from "../../src/pool/workers/worker.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { liveObjects } from "../fixtures/live_objects.ts";
import { until } from "../fixtures/until.ts";

const CYCLES = Number(Deno.env.get("SNAKEDEN_SCALE_CYCLES") ?? 20);
/** The cycles after which everything is open that stays open. */
const FIRST_CYCLES = 2;
/** The most workers of each pool. */
const MAX = 2;
const ELASTIC = { min: 0, max: MAX, idleTtlMs: 20, scaleUpAfterMs: 0 } as const;
const POOLS: NonNullable<SnakedenOptions["pools"]> = [
  { name: "spawned", launcher: "spawn", ...ELASTIC },
  { name: "forked", launcher: "prefork", ...ELASTIC },
  { name: "remote", launcher: "prefork", carrier: "grpc", ...ELASTIC },
];

Deno.test({
  name:
    `${CYCLES} cycles of no worker, all of them and none again leave no process, socket, descriptor, row or file, with each launcher`,
  // The inspector keeps its session.
  sanitizeResources: false,
  fn: async () => {
    await using data = await tempDir();
    await using den = await startDen({}, { dataDir: data.path, pools: POOLS });
    let most = 0;
    for (let i = 0; i < FIRST_CYCLES; i++) most = Math.max(most, await cycle(den));
    const before = await settled(den, data.path);
    for (let i = 0; i < CYCLES; i++) most = Math.max(most, await cycle(den));
    assert.ok(most > POOLS.length, "no pool had more than one worker");
    for (const { name, launcherFallback } of den.pools.list()) {
      assert.equal(launcherFallback, undefined, name);
    }
    const isSame = async (): Promise<boolean> => {
      const now = await footprint(den, data.path);
      return JSON.stringify(now) === JSON.stringify(before);
    };
    // What differs is shown in full.
    await until(isSame, "all to be as it was").catch(async () =>
      assert.deepEqual(await footprint(den, data.path), before)
    );
    assert.deepEqual(await liveObjects([Worker]), { Worker: 0 });
    await den.stop();
    assert.deepEqual(workersOf(den), []);
    assert.deepEqual([...Deno.readDirSync(`${data.path}/run`)], []);
    assert.deepEqual(socketsBelow(data.path), []);
  },
});

/** Lets all pools scale up and down once. Returns the most workers that were seen. */
async function cycle(den: Snakeden): Promise<number> {
  assert.deepEqual(den.workers.list(), []);
  let most = 0;
  const calls = POOLS.flatMap(({ name: pool }) =>
    Array.from({ length: MAX }, async () => {
      await den.execute("sleep", { seconds: 0.02 }, { pool });
      most = Math.max(most, den.workers.list().length);
    })
  );
  await Promise.all(calls);
  await until(() => den.workers.list().length === 0, "all workers to end");
  return most;
}

/** Everything that the host holds outside of its own memory. */
interface Footprint {
  /** The processes with the mark of the run, such as templates. */
  readonly processes: readonly number[];
  /** The children of the host and of these processes, zombies too. */
  readonly children: readonly number[];
  /** The descriptors of the host and of these processes, by kind. */
  readonly descriptors: readonly Readonly<Record<string, number>>[];
  readonly sockets: readonly string[];
  readonly rows: readonly string[];
  readonly files: readonly string[];
}

async function footprint(den: Snakeden, dataDir: string): Promise<Footprint> {
  const processes = workersOf(den).sort((a, b) => a - b);
  const all = [Deno.pid, ...processes];
  const files = await Array.fromAsync(names(`${dataDir}/run`));
  return {
    processes,
    children: all.flatMap(childrenOf).sort((a, b) => a - b),
    descriptors: all.map(descriptorsOf),
    sockets: socketsBelow(dataDir),
    rows: den.store.processes().map((it) => `${it.workerId} ${it.state} ${it.pid}`).sort(),
    files: files.sort(),
  };
}

/** Returns the footprint once it is the same twice. */
async function settled(den: Snakeden, dataDir: string): Promise<Footprint> {
  let last = "";
  return await until(async () => {
    const now = await footprint(den, dataDir);
    const before = last;
    last = JSON.stringify(now);
    return before === last && now;
  }, "what ends to have ended");
}

function childrenOf(pid: number): number[] {
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)];
  return tasks.flatMap(({ name }) => {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`);
      return text.split(" ").filter((it) => it !== "").map(Number);
    } catch {
      // The thread has ended meanwhile.
      return [];
    }
  });
}

function descriptorsOf(pid: number): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const target = Deno.readLinkSync(`/proc/${pid}/fd/${name}`);
      const kind = target.replace(/:\[\d+\]$/, "");
      // The folder that is being read is one of them.
      if (!kind.startsWith("/proc/")) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    } catch {
      // It was closed meanwhile.
    }
  }
  return Object.fromEntries([...counts].sort());
}

/** Returns the paths of the sockets below a folder, once for each socket and connection. */
function socketsBelow(folder: string): string[] {
  const lines = Deno.readTextFileSync("/proc/net/unix").split("\n");
  const paths = lines.map((line) => line.trim().split(/\s+/).slice(7).join(" "));
  return paths.filter((it) => it.startsWith(`${folder}/`)).sort();
}

/** Lists the files below a folder. */
async function* names(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* names(path);
    yield path;
  }
}
