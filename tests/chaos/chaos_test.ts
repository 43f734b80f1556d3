/**
 * Tests everything at once: calls, sessions and jobs of every kind, by the library and over HTTP,
 * on pools of all profiles and launchers, while workers and templates are killed, workers are
 * frozen and replaced, run out of memory and start slowly, and pools are resized, paused, replaced
 * by a reload, added and removed. At the end every call has ended in a way that its kind may, the
 * pools are whole, and nothing is left behind.
 * `SNAKEDEN_TEST_SEED=7 deno task test --long tests/chaos` repeats the choices of a run, for ten
 * minutes.
 */
import assert from "node:assert/strict";
import type { Snakeden } from "../../mod.ts";
import { settlesWithin } from "../../src/async/mod.ts";
import {
  createApp,
  type HttpHandler,
  HttpListener,
  OpenSockets,
  ProcConnections,
  Traffic,
} from "../../src/routes/mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { usedBytes } from "../fixtures/live_objects.ts";
import { until } from "../fixtures/until.ts";
import { BatchKinds } from "./kinds/batch_kinds.ts";
import { FileKinds } from "./kinds/file_kinds.ts";
import { HostToolKinds } from "./kinds/host_tool_kinds.ts";
import { InputKinds } from "./kinds/input_kinds.ts";
import { JobHttpKinds } from "./kinds/job_http_kinds.ts";
import { JOB_QUEUES, JobKinds } from "./kinds/job_kinds.ts";
import { JobLogKinds } from "./kinds/job_log_kinds.ts";
import { pause, type Strange } from "./kinds/kind.ts";
import { OpenWork } from "./kinds/open_work.ts";
import { MORE_QUEUES, QueueKinds } from "./kinds/queue_kinds.ts";
import { PoolKinds } from "./kinds/pool_kinds.ts";
import { leftOfScripts, scriptJobs, ScriptKinds } from "./kinds/script_kinds.ts";
import { ResumeKinds } from "./kinds/resume_kinds.ts";
import { SocketKinds } from "./kinds/socket_kinds.ts";
import { leftOfCalls } from "./leaks.ts";
import { ChaosLoad } from "./load.ts";
import { Mischief } from "./mischief.ts";
import { atRest, described, type DrawnPool, drawPools } from "./pools/drawn_pools.ts";
import { PoolFile } from "./pools/pool_file.ts";
import { Random } from "./random.ts";
import { SessionLoad } from "./session_load.ts";

const SECONDS = Number(Deno.env.get("SNAKEDEN_CHAOS_SECONDS") ?? 60);
const SEED = Number(Deno.env.get("SNAKEDEN_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
/** The time after which everything must have ended. */
const END_MS = 60_000;
/**
 * The looks at the heap before something counts as left. Each walks through all of it many times,
 * which takes half a minute on a busy machine.
 */
const MIN_LOOKS = 5;
/** The time that the server gives its last responses. */
const LAST_ANSWERS_MS = 2_000;
/**
 * The growth that is allowed after the first third, which warms the host up. A leak grows with the
 * calls, and exceeds it.
 */
const MAX_GROWTH_BYTES = 256 << 20;

/** The growth of the objects of JavaScript that is allowed meanwhile. */
const MAX_GROWTH_OF_OBJECTS = 32 << 20;
/** The time for which streams of events wait for their clients. */
const RESUME_MS = 5_000;
/** The connections of the server. */
const MAX_CONNECTIONS = 1_000;
Deno.test({
  name: `Snakeden loses nothing and leaves nothing behind in ${SECONDS} seconds of chaos`,
  // fetch() keeps its connections.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: async () => {
    console.log(`SNAKEDEN_TEST_SEED=${SEED}`);
    const random = new Random(SEED);
    await using data = await tempDir();
    const open = new OpenWork();
    const hostTools = new HostToolKinds(open);
    const pools = drawPools(random);
    console.log(described(pools));
    const file = new PoolFile(data.path, pools);
    // Scripts are told the address of the host when it starts.
    let app: { readonly fetch: HttpHandler } = { fetch: () => new Response(null, { status: 503 }) };
    const listener = HttpListener.open(
      { host: "127.0.0.1", port: 0, maxConnections: MAX_CONNECTIONS },
      (request, info) => app.fetch(request, info),
    );
    const origin = listener.url;
    const den = await startDen({}, {
      ...await file.load(),
      dataDir: data.path,
      url: origin,
      sessions: { sweepMs: 500 },
      jobs: { queues: [...JOB_QUEUES, ...MORE_QUEUES], ...scriptJobs(data.path) },
      hostTools: hostTools.tools,
      limits: { streamResumeMs: RESUME_MS },
    });
    const { runId, config: { limits } } = den;
    const traffic = new Traffic(limits).start();
    const sockets = new OpenSockets(limits);
    app = createApp(den, { version: "chaos", traffic, sockets });
    if (Deno.build.os === "linux") traffic.callers.watch(new ProcConnections(listener.port));
    const sessions = new SessionLoad(den, pools);
    const ledger = `${data.path}/ledger`;
    const jobs = new JobKinds(den, { ledger, open });
    const files = new FileKinds(den, { origin, dataDir: data.path });
    const load = new ChaosLoad(den, {
      origin,
      random,
      more: [
        ...new PoolKinds(den).kinds,
        ...sessions.kinds,
        ...hostTools.kinds(den),
        ...new InputKinds(den, { origin, open }).kinds,
        ...new SocketKinds({ origin }).kinds,
        ...new ResumeKinds({ origin }).kinds,
        ...jobs.kinds,
        ...files.kinds,
        ...new JobLogKinds(den, { origin }).kinds,
        ...new BatchKinds(den, { origin }).kinds,
        ...new QueueKinds(den).kinds,
        ...new ScriptKinds(den, { ledger, book: jobs.book }).kinds,
        ...new JobHttpKinds({ origin, ledger, book: jobs.book }).kinds,
      ],
    });
    const mischief = new Mischief(den, { random, pools, file });
    await mischief.run(SECONDS / 3);
    const before = { objects: await usedBytes(), rss: Deno.memoryUsage().rss };
    await mischief.run(2 * SECONDS / 3);
    load.stop();
    await mischief.calm();
    await until(() => load.open.length === 0, "every call to end", { timeoutMs: END_MS }).catch(
      (cause) => {
        throw new Error(`Never ended: ${load.open}`, { cause });
      },
    );
    await load.allEnded();
    assertNone(load.strange, "unexpected ends");
    assert.equal(load.ended, load.made);
    assertNone(mischief.strange, "verbs that failed");
    console.log(await jobs.book.settle(ledger));
    console.log(await files.settle());

    const areWhole = (what: string, isWhole: (pool: DrawnPool) => boolean): Promise<true> =>
      until(() => pools.every(isWhole), what, { timeoutMs: END_MS }).catch((cause) => {
        const now = den.pools.list().map(({ name, state, reason }) => ({ name, state, reason }));
        throw new Error(`Not whole: ${JSON.stringify([now, den.workers.list()])}`, { cause });
      });
    await areWhole("pools that are whole", (it) => {
      const count = healthyWorkers(den, it);
      return count >= atRest(it.sizes) && count <= it.sizes.max;
    });
    // A worker that a strict session is bound to stays as long as the session.
    await sessions.end();
    await areWhole("pools at rest", (it) => healthyWorkers(den, it) === atRest(it.sizes));
    for (const { stats, queued } of den.pools.list()) {
      const { requests, completed, failed, cancelled, timedOut, crashed, refused } = stats;
      assert.equal(queued, 0);
      assert.equal(completed + failed + cancelled + timedOut + crashed + refused, requests);
    }
    const grown = Deno.memoryUsage().rss - before.rss;
    assert.ok(grown < MAX_GROWTH_BYTES, `the host has grown by ${grown >> 20} MiB`);
    // Every living process is a worker or a child of one; the tool `child` makes some.
    const workers = den.workers.list();
    const marked = workersOf({ runId });
    assert.ok(workers.every(({ pid }) => pid !== undefined && marked.includes(pid)));
    await until(() => sessions.watching === 0, "the iterators of ended sessions to end");
    await until(
      async () => (await den.sessions.list()).items.length === 0,
      "the short sessions to expire",
    );
    let left = {};
    const lookUntil = performance.now() + END_MS;
    for (let looks = 0; looks < MIN_LOOKS || performance.now() < lookUntil; looks++) {
      await pause(500);
      left = {
        ...open.counts,
        ...leftOfScripts(den),
        ...await leftOfCalls({ traffic, sockets }),
      };
      if (Object.keys(left).length === 0) break;
    }
    assert.deepEqual(left, {}, "everything that belongs to calls is gone");
    const kept = await usedBytes() - before.objects;
    assert.ok(kept < MAX_GROWTH_OF_OBJECTS, `the objects have grown by ${kept >> 20} MiB`);
    const restarts = den.pools.list().reduce((sum, { stats }) => sum + stats.restarts, 0);
    console.log(
      `${load.made} calls, ${restarts} restarts, ${grown >> 20} MiB more, ${
        kept >> 20
      } MiB more objects`,
    );
    console.log(Object.fromEntries([...load.ends].sort()), Object.fromEntries(mischief.made));

    await den.stop();
    // As the server does it: Deno.serve waits for clients whose body never ends.
    await settlesWithin(listener[Symbol.asyncDispose](), LAST_ANSWERS_MS);
    traffic[Symbol.dispose]();
    await until(() => workersOf({ runId }).length === 0, "every process to be gone");
    assert.deepEqual([...Deno.readDirSync(`${data.path}/run`)], []);
    assert.deepEqual(den.store.processes(), []);
    const ofSystem = Deno.readTextFileSync("/proc/net/unix").split("\n");
    assert.deepEqual(ofSystem.filter((it) => it.includes(`${data.path}/`)), []);
  },
});

/** Shows the first ones in full, which is enough to find a cause, and all of them in short. */
function assertNone(strange: readonly Strange[], what: string): void {
  const all = strange.map(({ name, error }) => `${name}: ${String(error).slice(0, 200)}`);
  assert.deepEqual(strange.slice(0, 5), [], `${all.length} ${what}:\n${all.join("\n")}`);
}

/** Returns the number of workers of a pool; NaN if one is not as it should be. */
function healthyWorkers(den: Snakeden, { name, input }: DrawnPool): number {
  const { launcherFallback, template } = den.pools.get(name);
  if (launcherFallback !== undefined) return NaN;
  if ((template !== undefined) !== (input.launcher === "prefork")) return NaN;
  const workers = den.workers.list().filter(({ pool }) => pool === name);
  const isEach = workers.every((it) => it.state === "ready" && it.launcher === input.launcher);
  return isEach ? workers.length : NaN;
}
