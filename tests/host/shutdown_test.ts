import assert from "node:assert/strict";
import { Calls } from "../../src/calls/mod.ts";
import { Shutdown } from "../../src/host/mod.ts";
import { PoolGroup } from "../../src/pool/mod.ts";
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
