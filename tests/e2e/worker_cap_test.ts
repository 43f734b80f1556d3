/** The limit on the workers of all pools together. */
import assert from "node:assert/strict";
import type { Snakeden } from "../../mod.ts";
import { startDen, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

function countIn(den: Snakeden, pool: string): number {
  return den.workers.list().filter((it) => it.pool === pool).length;
}

/** Keeps some calls of a pool open until it is stopped. */
function load(den: Snakeden, pool: string, callers: number): { stop(): Promise<void> } {
  let going = true;
  const work = Array.from({ length: callers }, async () => {
    while (going) await den.execute("sleep", { seconds: 0.05 }, { pool });
  });
  return {
    async stop(): Promise<void> {
      going = false;
      await Promise.all(work);
    },
  };
}

Deno.test("maxWorkers is refused if the pools keep more workers", async () => {
  const pools = [{ name: "a", size: 2 }, { name: "b", min: 2, max: 4 }];
  await assert.rejects(startDen({}, { pools, maxWorkers: 3 }), {
    code: "config_invalid",
    message: /maxWorkers: given 3, but the pools keep 4 workers at least \(a: 2, b: 2\)/,
  });
});

Deno.test("maxWorkers holds for resized and added pools", async () => {
  const pools = [{ name: "a", min: 1, max: 4 }, { name: "b", min: 1, max: 4 }];
  await using den = await startDen({}, { pools, maxWorkers: 4 });
  assert.throws(() => den.pools.resize("a", { min: 4 }), {
    code: "invalid_input",
    message: /min: given 4; allowed: at most 3, since the other pools keep 1 of the 4 workers/,
  });
  assert.throws(() => den.pools.resize("a", { size: 4 }), { code: "invalid_input" });
  await assert.rejects(den.pools.add({ name: "c", size: 3 }), {
    code: "invalid_input",
    message: /keep 5 workers at least/,
  });
  assert.equal(workersOf({ runId: den.runId }).length, 2);
  den.pools.resize("a", { min: 3 });
  await assert.rejects(den.pools.add({ name: "c", size: 1 }), {
    code: "invalid_input",
    message: /keep 5 workers at least \(a: 3, b: 1, c: 1\)/,
  });
});

Deno.test("a pool gets its share of maxWorkers from one that has more, idle or busy", async () => {
  const pools = [{ name: "a", min: 0, max: 4 }, { name: "b", min: 0, max: 4 }];
  await using den = await startDen({}, { pools, maxWorkers: 4 });
  let most = 0;
  const counting = setInterval(() => {
    most = Math.max(most, workersOf({ runId: den.runId }).length);
  }, 20);
  try {
    // Idle workers make room.
    assert.equal((await den.pools.startAhead("a", -1)).length, 4);
    assert.equal(await den.execute("ping", {}, { pool: "b" }), "pong");
    const a = load(den, "a", 8);
    await until(() => countIn(den, "a") >= 3, "the pool a to grow");
    // So do busy ones, when they have finished their calls.
    const b = load(den, "b", 8);
    await until(() => countIn(den, "b") === 2 && countIn(den, "a") === 2, "equal shares");
    await Promise.all([a.stop(), b.stop()]);
  } finally {
    clearInterval(counting);
  }
  assert.ok(most <= 4, `${most} workers at once`);
  for (const { stats } of den.pools.list()) assert.equal(stats.completed, stats.requests);
});

Deno.test("maxWorkerMemoryBytes lets no pool grow beyond it", async () => {
  const pool = { name: "a", min: 1, max: 4, heartbeat: { pingIntervalMs: 50 } };
  await using den = await startDen({}, {
    pools: [pool],
    maxWorkerMemoryBytes: 16 * 1024 * 1024,
  });
  await until(() => (den.workers.list()[0]?.rssBytes ?? 0) > 0, "a report of its memory");
  assert.deepEqual(await den.pools.startAhead("a", -1), []);
  const work = load(den, "a", 4);
  await den.execute("ping");
  assert.equal(countIn(den, "a"), 1);
  await work.stop();
});
