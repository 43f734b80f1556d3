/**
 * Tests everything at once: calls of every kind, by the library and over HTTP, while workers are
 * killed, frozen and replaced, run out of memory and start slowly. At the end every call has ended
 * in a way that its kind may, the pools are whole, and nothing is left behind.
 * `SNAKEDEN_TEST_SEED=7 deno task test --long tests/chaos` repeats the choices of a run, for ten
 * minutes.
 */
import assert from "node:assert/strict";
import type { Snakeden, WorkerInfo } from "../../mod.ts";
import { createApp } from "../../src/routes/mod.ts";
import { ADAPTERS, startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { ChaosLoad } from "./load.ts";
import { Random } from "./random.ts";
import { SessionLoad } from "./session_load.ts";

const SECONDS = Number(Deno.env.get("SNAKEDEN_CHAOS_SECONDS") ?? 60);
const SEED = Number(Deno.env.get("SNAKEDEN_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
/**
 * The heartbeat that bounds how long a frozen worker goes unnoticed: 3 pings of 200 ms, and one
 * that is late.
 */
const HEARTBEAT = { pingIntervalMs: 200, pingTimeoutMs: 400, maxMissed: 3 };
/** The time after which everything must have ended. */
const END_MS = 60_000;
/**
 * The growth that is allowed after the first third, which warms the host up. A leak grows with the
 * calls, and exceeds it.
 */
const MAX_GROWTH_BYTES = 256 << 20;

/** The longest time between two attacks on workers, in milliseconds. */
const MISCHIEF_MS = 150;

type Mischief = (den: Snakeden, random: Random) => unknown;

const MISCHIEF: readonly Mischief[] = [
  (den, random) => signal(den, random, "SIGKILL"),
  (den, random) => signal(den, random, "SIGSTOP"),
  (den, random) => signal(den, random, "SIGTERM"),
  (den, random) => den.workers.stop(random.pick(serving(den))?.id ?? "").catch(() => {}),
  (den, random) => random.below(4) === 0 && den.pools.recycle().catch(() => {}),
];

function serving(den: Snakeden): WorkerInfo[] {
  return den.workers.list().filter(({ state }) => state === "ready" || state === "busy");
}

function signal(den: Snakeden, random: Random, name: Deno.Signal): void {
  // One worker is left alone, so that the pool serves now and then.
  const pid = random.pick(serving(den).slice(1))?.pid;
  if (pid === undefined) return;
  try {
    Deno.kill(pid, name);
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function makeMischief(den: Snakeden, random: Random, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, random.below(MISCHIEF_MS)));
    void random.pick(MISCHIEF)?.(den, random);
  }
}

Deno.test({
  name: `Snakeden loses nothing and leaves nothing behind in ${SECONDS} seconds of chaos`,
  // fetch() keeps its connections.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    console.log(`SNAKEDEN_TEST_SEED=${SEED}`);
    const random = new Random(SEED);
    await using data = await tempDir();
    const den = await startDen({}, {
      dataDir: data.path,
      sessions: { sweepMs: 500 },
      pools: [{
        name: "default",
        size: 4,
        adapter: "chaotic:Chaotic",
        modulePaths: [ADAPTERS],
        heartbeat: HEARTBEAT,
        recycle: { maxCalls: 5_000 },
        limits: { memoryBytes: 400 << 20 },
        cancelGraceMs: 300,
        queueLimit: 200,
        taintAfter: 0,
        poisonMs: 0,
      }],
    });
    const { runId } = den;
    const app = createApp(den, { version: "chaos" });
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
    const origin = `http://127.0.0.1:${server.addr.port}`;
    const sessions = new SessionLoad(den);
    const load = new ChaosLoad(den, { origin, random, more: sessions.kinds });
    await makeMischief(den, random, SECONDS / 3);
    const before = Deno.memoryUsage().rss;
    await makeMischief(den, random, 2 * SECONDS / 3);
    load.stop();
    await until(() => load.open.length === 0, "every call to end", { timeoutMs: END_MS }).catch(
      (cause) => {
        throw new Error(`Never ended: ${load.open}`, { cause });
      },
    );
    await load.allEnded();
    assert.deepEqual(load.strange, []);
    assert.equal(load.ended, load.made);

    await until(
      () => {
        const workers = den.workers.list();
        return workers.length === 4 && workers.every(({ state }) => state === "ready");
      },
      "a pool that is whole",
      { timeoutMs: END_MS },
    );
    const [pool] = den.pools.list();
    assert.ok(pool);
    const { stats, queued } = pool;
    const { requests, completed, failed, cancelled, timedOut, crashed, refused } = stats;
    assert.equal(queued, 0);
    assert.equal(completed + failed + cancelled + timedOut + crashed + refused, requests);
    const grown = Deno.memoryUsage().rss - before;
    assert.ok(grown < MAX_GROWTH_BYTES, `the host has grown by ${grown >> 20} MiB`);
    // Every living process is a worker or a child of one; the tool `child` makes some.
    const pids = den.workers.list().map(({ pid }) => pid);
    assert.ok(pids.every((pid) => pid !== undefined && workersOf({ runId }).includes(pid)));
    await sessions.end();
    await until(() => sessions.watching === 0, "the iterators of ended sessions to end");
    await until(
      async () => (await den.sessions.list()).items.length === 0,
      "the short sessions to expire",
    );
    console.log(`${load.made} calls, ${stats.restarts} restarts, ${grown >> 20} MiB more`);
    console.log(Object.fromEntries([...load.ends].sort()));

    await den.stop();
    await server.shutdown();
    await until(() => workersOf({ runId }).length === 0, "every process to be gone");
    assert.deepEqual([...Deno.readDirSync(`${data.path}/run`)], []);
    assert.deepEqual(den.store.processes(), []);
  },
});
