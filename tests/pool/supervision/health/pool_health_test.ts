import assert from "node:assert/strict";
import {
  hasProvedItself,
  PoolHealth,
} from "../../../../src/pool/supervision/health/pool_health.ts";

/** One whose worker has served. */
function served(size: number): PoolHealth {
  const health = new PoolHealth(size);
  health.served();
  return health;
}

Deno.test("PoolHealth.isUnhealthy after three failures, or as many as there are workers; reason holds the last", () => {
  const small = served(1);
  const large = served(5);
  for (let i = 1; i <= 5; i++) {
    small.failed(`failure ${i}`);
    large.failed(`failure ${i}`);
    assert.deepStrictEqual([small.isUnhealthy, large.isUnhealthy], [i >= 3, i >= 5]);
    assert.deepStrictEqual([small.reason, small.failures], [`failure ${i}`, i]);
  }
});

Deno.test("PoolHealth.isUnhealthy when each slot has tried and no worker has served", () => {
  const health = new PoolHealth(2);
  health.attempted();
  assert.deepStrictEqual([health.hasTriedAll, health.isUnhealthy], [false, false]);
  health.attempted();
  assert.deepStrictEqual([health.hasTriedAll, health.isUnhealthy], [true, true]);
  health.served();
  assert.deepStrictEqual([health.hasTriedAll, health.isUnhealthy], [true, false]);
});

Deno.test("PoolHealth.proved() forgets all failures, including those by a signal", () => {
  for (const signalled of [false, true]) {
    const health = served(1);
    for (let i = 0; i < 30; i++) health.failed("no", { signalled });
    assert.deepStrictEqual([health.isInDoubt, health.isUnhealthy], [true, true]);
    health.proved();
    assert.deepStrictEqual(
      [health.failures, health.isInDoubt, health.reason, health.isUnhealthy],
      [0, false, undefined, false],
    );
  }
});

Deno.test("PoolHealth counts ten ends by a signal as one failure, and is in doubt from the first one on", () => {
  const health = served(1);
  for (let i = 1; i < 30; i++) {
    health.failed(`killed ${i}`, { signalled: true });
    assert.deepStrictEqual([health.isInDoubt, health.reason], [true, `killed ${i}`]);
    assert.equal(health.isUnhealthy, false);
  }
  health.failed("killed 30", { signalled: true });
  assert.equal(health.isUnhealthy, true);
});

Deno.test("PoolHealth reports every change after it takes effect", () => {
  const seen: boolean[] = [];
  const health: PoolHealth = new PoolHealth(1, () => void seen.push(health.isUnhealthy));
  health.attempted();
  health.served();
  for (let i = 0; i < 3; i++) health.failed("no");
  health.proved();
  assert.deepStrictEqual(seen, [true, false, false, false, true, false]);
});

Deno.test("hasProvedItself() holds for a worker that answered, or served for 5 s", () => {
  assert.ok(hasProvedItself({ servedMs: 1, answered: 1 }));
  assert.ok(hasProvedItself({ servedMs: 5_000, answered: 0 }));
  assert.ok(!hasProvedItself({ servedMs: 4_999, answered: 0 }));
});
