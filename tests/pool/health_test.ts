import assert from "node:assert/strict";
import { Health } from "../../src/pool/mod.ts";
import { FakePool } from "../fixtures/fakes/fake_pool.ts";
import { FakePools } from "../fixtures/fakes/fake_pools.ts";

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
