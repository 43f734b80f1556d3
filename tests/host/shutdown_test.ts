import assert from "node:assert/strict";
import { Calls } from "../../src/calls/mod.ts";
import { type CallsAtStop, callsAtStop, Shutdown } from "../../src/host/mod.ts";
import { PoolGroup, Pools, WorkerList } from "../../src/pool/mod.ts";
import { ToolRegistry } from "../../src/tools/mod.ts";
import { endOf } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";
import { microtasks } from "../fixtures/until.ts";

interface SetUp {
  readonly shutdown: Shutdown;
  /** The parts that were disposed, with the states of the pools at that time. */
  readonly disposed: string[];
}

function setUp(fakes: FakePools): SetUp {
  const disposed: string[] = [];
  const pools = new PoolGroup(fakes.byName);
  const resources = new AsyncDisposableStack();
  const note = (part: string) => (): void => {
    disposed.push(`${part}: ${fakes.all.map(({ pool }) => pool.state).join(" ")}`);
  };
  resources.defer(note("store"));
  resources.use(pools);
  resources.defer(note("last"));
  const calls = new Calls({
    limits: { maxDepth: 64, streamWindowBytes: 1_000 },
    tools: new ToolRegistry(fakes.byName),
    policies: undefined,
  });
  return { shutdown: new Shutdown({ pools, calls, resources }), disposed };
}

Deno.test("callsAtStop() counts calls that run, without those that wait, and names the longest drain", async () => {
  await using fakes = await FakePools.start("quick", "slow");
  const configs = [
    { name: "quick", adapter: "a", profile: "process", drainMs: 10 },
    { name: "slow", adapter: "a", profile: "process", drainMs: 500 },
  ] as const;
  const pools = new Pools(configs, { pools: fakes.byName });
  const workers = new WorkerList(() => [...fakes.byName.values()]);
  const now = (): CallsAtStop => callsAtStop({ pools, workers }, configs);
  assert.deepEqual(now(), { runningCalls: 0, drainMs: 0 });
  const [quick, slow] = fakes.all;
  assert.ok(quick && slow);
  // Two run, and two wait for them.
  const calls = ["hold", "hold", "hold", "hold"].map((tool) => quick.submit(tool));
  await microtasks();
  assert.deepEqual(now(), { runningCalls: 2, drainMs: 10 });
  calls.push(slow.submit("hold"));
  await microtasks();
  assert.deepEqual(now(), { runningCalls: 3, drainMs: 500 });
  // A worker that is being replaced still runs its call.
  const [worker] = slow.pool.workers.filter(({ state }) => state === "busy");
  assert.ok(worker);
  const leaving = worker.stop({ drainMs: 1_000, killGraceMs: 1_000 });
  assert.deepEqual(now(), { runningCalls: 3, drainMs: 500 });
  for (const { pool } of fakes.all) await pool.stop({ drainMs: 0 });
  await leaving;
  await Promise.all(calls.map(endOf));
  assert.deepEqual(now(), { runningCalls: 0, drainMs: 0 });
});

Deno.test("Shutdown.run() lets calls finish, then disposes the parts in reverse order", async () => {
  await using fakes = await FakePools.start("a", "b");
  const { shutdown, disposed } = setUp(fakes);
  const [first] = fakes.all;
  assert.ok(first);
  const call = first.submit("hold");
  await microtasks();
  const done = shutdown.run();
  await microtasks();
  assert.deepEqual(disposed, []);
  first.workerRunning(call).answer();
  await done;
  assert.match(await endOf(call), /^ok a-/);
  assert.deepEqual(disposed, ["last: stopped stopped", "store: stopped stopped"]);
});

Deno.test("Shutdown.run() runs once, and kills if it is called again with 0", async () => {
  await using fakes = await FakePools.start("a");
  const { shutdown, disposed } = setUp(fakes);
  const [first] = fakes.all;
  assert.ok(first);
  const call = first.submit("hold");
  await microtasks();
  const done = shutdown.run({ drainMs: 60_000 });
  const again = shutdown.run({ drainMs: 60_000 });
  await microtasks();
  assert.equal(first.pool.state, "stopping");
  await shutdown.run({ drainMs: 0 });
  assert.equal(await endOf(call), "worker_crashed");
  await Promise.all([done, again]);
  assert.equal(disposed.length, 2);
});
