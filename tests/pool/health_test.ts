import assert from "node:assert/strict";
import { DeviceHealth, Health } from "../../src/pool/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { CPU_PLACE, fakePlace } from "../fixtures/fakes/fake_place.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";
import { until } from "../fixtures/until.ts";

Deno.test("Health.ready() pings every pool, and gives the reason if one cannot serve", async () => {
  await using fakes = new FakePools([
    await FakePool.start({ name: "a" }),
    new FakePool({ name: "silent" }),
  ]);
  const { ready, pools } = await new Health(fakes.byName).ready({ timeoutMs: 60_000 });
  assert.equal(ready, false);
  assert.equal(pools["a"]?.ready, true);
  assert.equal(typeof pools["a"]?.pingMs, "number");
  assert.equal(pools["silent"]?.ready, false);
  assert.equal(typeof pools["silent"]?.reason, "string");
});

Deno.test("Health.ready() shows the devices of pools, and stays ready while another device serves", async () => {
  const deviceHealth = new DeviceHealth(new FakeClock());
  const places = [fakePlace(0), fakePlace(1)];
  await using fakes = new FakePools([
    await FakePool.start({ name: "a", size: 2, places }, {}, { deviceHealth }),
    await FakePool.start({ name: "b", places: [fakePlace(1)] }, {}, { deviceHealth }),
    await FakePool.start({ name: "c", places: [CPU_PLACE] }, {}, { deviceHealth }),
  ]);
  const health = new Health(fakes.byName);
  const healthy = { health: "healthy" };
  const before = await health.ready({ timeoutMs: 60_000 });
  assert.deepEqual(before.devices, { "cuda:0": healthy, "cuda:1": healthy });
  deviceHealth.crashed("cuda:1", { taintAfter: 1, taintMs: 500, crashWindowMs: 1_000 });
  const { ready, devices } = await health.ready({ timeoutMs: 60_000 });
  assert.equal(ready, true);
  const reason = "its workers crashed once within 1000 ms; it is tried again in 500 ms";
  assert.deepEqual(devices, { "cuda:0": healthy, "cuda:1": { health: "unhealthy", reason } });
  fakes.all[1]?.launcher.alive[0]?.exit({ signal: "SIGKILL" });
  await until(() => fakes.all[1]?.pool.state === "unhealthy", "its only slot waits");
  const after = await health.ready({ timeoutMs: 60_000 });
  assert.equal(after.ready, false);
  assert.deepEqual(after.pools["b"], {
    ready: false,
    reason: `Pool b cannot serve: all devices of the pool b are unhealthy: cuda:1: ${reason}`,
  });
});

Deno.test("Health.ready() names the pools that are paused, which do not make the host unready", async () => {
  await using fakes = new FakePools([
    await FakePool.start({ name: "open" }),
    await FakePool.start({ name: "paused" }),
    await FakePool.start({ name: "at_rest", min: 0 }),
    new FakePool({ name: "late" }),
  ]);
  const health = new Health(fakes.byName);
  for (const { pool } of fakes.all.slice(1)) pool.pause();
  const { ready, pools } = await health.ready({ timeoutMs: 60_000 });
  const shown = Object.entries(pools).map(([name, it]) => [name, it.ready, it.paused]);
  assert.deepEqual(shown, [
    ["open", true, undefined],
    ["paused", true, true],
    ["at_rest", true, true],
    // It has no worker, as without a pause.
    ["late", false, true],
  ]);
  assert.equal(ready, false);
  void fakes.all[3]?.pool.start();
  await health.awaitReady({ timeoutMs: 60_000 });
  assert.equal((await health.ready({ timeoutMs: 60_000 })).ready, true);
  for (const { pool } of fakes.all.slice(1)) pool.resume();
  const after = await health.ready({ timeoutMs: 60_000 });
  assert.ok(Object.values(after.pools).every(({ paused }) => paused === undefined));
});

Deno.test("Health.ready() reports that no worker answered in time", async () => {
  await using fakes = await FakePools.start("a");
  for (const { launcher } of fakes.all) {
    for (const worker of launcher.workers) worker.frozen = true;
  }
  assert.deepEqual(await new Health(fakes.byName).ready({ timeoutMs: 1 }), {
    ready: false,
    pools: { a: { ready: false, reason: "no worker answered a ping within 1 ms" } },
  });
});

Deno.test("Health.awaitReady() resolves when every pool has a ready worker", async () => {
  await using fakes = new FakePools([new FakePool({ name: "a" }), new FakePool({ name: "b" })]);
  const waiting = new Health(fakes.byName).awaitReady();
  const states = waiting.then(() => fakes.all.map(({ pool }) => pool.state));
  for (const { pool } of fakes.all) void pool.start();
  assert.deepEqual(await states, ["ready", "ready"]);
});

Deno.test("Health.awaitReady() names the pools that are late, and rejects when its signal aborts", async () => {
  await using fakes = new FakePools([
    await FakePool.start({ name: "a" }),
    new FakePool({ name: "late" }),
  ]);
  const health = new Health(fakes.byName);
  await assert.rejects(health.awaitReady({ timeoutMs: 1 }), {
    code: "startup_failed",
    message: "Not ready after 1 ms: no worker yet in late",
  });
  const reason = new Error("left");
  await assert.rejects(health.awaitReady({ signal: AbortSignal.abort(reason) }), reason);
});
