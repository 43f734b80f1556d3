import assert from "node:assert/strict";
import { RestartPolicy } from "../../src/pool/restart_policy.ts";

function afterFailures(count: number, random = 0): RestartPolicy {
  const policy = new RestartPolicy(2, () => random);
  for (let i = 1; i <= count; i++) policy.startFailed(`failure ${i}`);
  return policy;
}

Deno.test("RestartPolicy.pauseMs is 0 at first, then doubles from 100 ms up to 30 s", () => {
  const pauses = [0, 1, 2, 3, 4, 8, 9, 10, 11, 2_000].map((count) => afterFailures(count).pauseMs);
  assert.deepStrictEqual(pauses, [0, 100, 200, 400, 800, 12_800, 25_600, 30_000, 30_000, 30_000]);
});

Deno.test("RestartPolicy.pauseMs is shortened by chance, by half at most", () => {
  assert.equal(afterFailures(1, 0.5).pauseMs, 75);
  const least = afterFailures(5_000, 0.999_999).pauseMs;
  assert.ok(least > 15_000 && least < 15_001, String(least));
});

Deno.test("RestartPolicy.unhealthyReason tells the last failure after three, or as many as there are workers", () => {
  const small = new RestartPolicy(1);
  const large = new RestartPolicy(5);
  for (let i = 1; i <= 5; i++) {
    small.startFailed(`failure ${i}`);
    large.startFailed(`failure ${i}`);
    assert.equal(small.unhealthyReason, i >= 3 ? `failure ${i}` : undefined);
    assert.equal(large.unhealthyReason, i >= 5 ? `failure ${i}` : undefined);
    assert.equal(small.lastReason, `failure ${i}`);
  }
});

Deno.test("RestartPolicy.proved() forgets the failures", () => {
  const policy = afterFailures(9);
  policy.proved();
  assert.deepStrictEqual(
    [policy.failures, policy.pauseMs, policy.lastReason, policy.unhealthyReason],
    [0, 0, undefined, undefined],
  );
});

Deno.test("RestartPolicy.died() counts a worker that served no call and not for long", () => {
  const policy = afterFailures(1);
  policy.died("early", { servedMs: 4_999, answered: 0 });
  assert.equal(policy.failures, 2);
  assert.equal(policy.lastReason, "early");
});

Deno.test("RestartPolicy.died() forgives a worker that answered, or served for 5 s", () => {
  for (const life of [{ servedMs: 1, answered: 1 }, { servedMs: 5_000, answered: 0 }]) {
    const policy = afterFailures(2);
    policy.died("in the end", life);
    assert.equal(policy.failures, 0);
  }
});
