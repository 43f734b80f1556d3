import assert from "node:assert/strict";
import { type PoliciesInfo, Pools } from "../../src/pool/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { fakePlace } from "../fixtures/fakes/fake_place.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";

const POLICIES: PoliciesInfo = { toolCircuits: {}, retries: 3 };

interface SetUp extends AsyncDisposable {
  readonly pools: Pools;
}

async function setUp(): Promise<SetUp> {
  const fakes = await FakePools.start("default", "heavy");
  const configs = ["default", "heavy"].map((name) => ({
    name,
    adapter: `of_${name}`,
    profile: "process" as const,
  }));
  return {
    pools: new Pools(configs, {
      pools: fakes.byName,
      policies: new Map([["heavy", { info: POLICIES }]]),
    }),
    [Symbol.asyncDispose]: () => fakes[Symbol.asyncDispose](),
  };
}

Deno.test("Pools.list() describes each pool, with the state of its policies if it has any", async () => {
  await using it = await setUp();
  const shown = it.pools.list().map(({ name, adapter, state, size, policies }) => ({
    name,
    adapter,
    state,
    size,
    policies,
  }));
  assert.deepEqual(shown, [
    { name: "default", adapter: "of_default", state: "ready", size: 2, policies: undefined },
    { name: "heavy", adapter: "of_heavy", state: "ready", size: 2, policies: POLICIES },
  ]);
});

Deno.test("Pools.list() names the devices of a pool once each, and none of a pool without devices", async () => {
  const places = [fakePlace(1), fakePlace(0), fakePlace(1)];
  await using fakes = new FakePools([
    await FakePool.start({ name: "gpu", size: 3, places }),
    await FakePool.start({ name: "host", places: [] }),
  ]);
  const configs = ["gpu", "host"].map((name) => ({
    name,
    adapter: "a",
    profile: "process" as const,
  }));
  const shown = new Pools(configs, { pools: fakes.byName }).list();
  assert.deepEqual(shown.map((it) => [it.name, it.devices, "devices" in it]), [
    ["gpu", ["cuda:1", "cuda:0"], true],
    ["host", undefined, false],
  ]);
});

Deno.test("Pools.get() describes one pool, and names near ones otherwise", async () => {
  await using it = await setUp();
  assert.deepEqual(it.pools.get("heavy"), it.pools.list()[1]);
  assert.throws(() => it.pools.get("defualt"), {
    code: "unknown_pool",
    message: 'There is no pool "defualt"; did you mean "default"?',
  });
  for (const name of ["__proto__", "constructor", "toString"]) {
    assert.throws(() => it.pools.get(name), { code: "unknown_pool" });
  }
});

Deno.test("Pools.startRecycle() returns the workers to replace: of all pools, of one, or some of one", async () => {
  await using it = await setUp();
  const ofAll = it.pools.startRecycle();
  assert.deepEqual(ofAll.workers, ["default-1", "default-2", "heavy-1", "heavy-2"]);
  await ofAll.done;
  const ofOne = it.pools.startRecycle({ pool: "heavy" });
  assert.deepEqual(ofOne.workers, ["heavy-1", "heavy-2"]);
  await ofOne.done;
  const some = it.pools.startRecycle({ pool: "heavy", workers: ["heavy-2"] });
  assert.deepEqual(some.workers, ["heavy-2"]);
  await some.done;
  assert.deepEqual(it.pools.list().map(({ stats }) => stats.recycled), [2, 5]);
});

Deno.test("Pools.recycle() rejects unknown pools and workers, and then replaces nothing", async () => {
  await using it = await setUp();
  await assert.rejects(it.pools.recycle({ pool: "heavi" }), { code: "unknown_pool" });
  await assert.rejects(it.pools.recycle({ pool: "heavy", workers: ["heavy-1", "default-1"] }), {
    code: "unknown_worker",
    message: /^There is no worker "default-1" in the pool heavy; /,
  });
  assert.deepEqual(it.pools.list().map(({ stats }) => stats.recycled), [0, 0]);
});
