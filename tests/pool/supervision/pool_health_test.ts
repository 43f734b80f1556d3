import assert from "node:assert/strict";
import { hasProvedItself, PoolHealth } from "../../../src/pool/supervision/pool_health.ts";

Deno.test("PoolHealth.unhealthyReason tells the last failure after three, or as many as there are workers", () => {
  const small = new PoolHealth(1);
  const large = new PoolHealth(5);
  for (let i = 1; i <= 5; i++) {
    small.failed(`failure ${i}`);
    large.failed(`failure ${i}`);
    assert.equal(small.unhealthyReason, i >= 3 ? `failure ${i}` : undefined);
    assert.equal(large.unhealthyReason, i >= 5 ? `failure ${i}` : undefined);
    assert.equal(small.reason, `failure ${i}`);
    assert.equal(small.failures, i);
  }
});

Deno.test("PoolHealth.proved() forgets the failures, by a signal too", () => {
  for (const signalled of [false, true]) {
    const health = new PoolHealth(1);
    for (let i = 0; i < 30; i++) health.failed("no", { signalled });
    assert.deepStrictEqual([health.isInDoubt, health.unhealthyReason], [true, "no"]);
    health.proved();
    assert.deepStrictEqual(
      [health.failures, health.isInDoubt, health.reason, health.unhealthyReason],
      [0, false, undefined, undefined],
    );
  }
});

Deno.test("PoolHealth counts ten ends by a signal as one failure, and is in doubt from the first one on", () => {
  const health = new PoolHealth(1);
  for (let i = 1; i < 30; i++) {
    health.failed(`killed ${i}`, { signalled: true });
    assert.deepStrictEqual([health.isInDoubt, health.reason], [true, `killed ${i}`]);
    assert.equal(health.unhealthyReason, undefined);
  }
  health.failed("killed 30", { signalled: true });
  assert.equal(health.unhealthyReason, "killed 30");
});

Deno.test("hasProvedItself() holds for a worker that answered, or served for 5 s", () => {
  assert.ok(hasProvedItself({ servedMs: 1, answered: 1 }));
  assert.ok(hasProvedItself({ servedMs: 5_000, answered: 0 }));
  assert.ok(!hasProvedItself({ servedMs: 4_999, answered: 0 }));
});
