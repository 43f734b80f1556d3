import assert from "node:assert/strict";
import { RestartPolicy } from "../../../src/pool/supervision/restart_policy.ts";

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
  policy.died("early", { servedMs: 4_999, answered: 0, signalled: false });
  assert.equal(policy.failures, 2);
  assert.equal(policy.lastReason, "early");
});

Deno.test("RestartPolicy.died() forgives a worker that answered, or served for 5 s", () => {
  for (const life of [{ servedMs: 1, answered: 1 }, { servedMs: 5_000, answered: 0 }]) {
    const policy = afterFailures(2);
    policy.died("in the end", { ...life, signalled: false });
    assert.equal(policy.failures, 0);
    assert.equal(policy.pauseMs, 0);
  }
});

Deno.test("RestartPolicy counts ten ends as one failure by a signal, and keeps their pause short", () => {
  const policy = new RestartPolicy(1, () => 0);
  const unproven = { servedMs: 1, answered: 0, signalled: true };
  const pauses: number[] = [];
  for (let i = 1; i < 30; i++) {
    if (i % 2 === 0) policy.startFailed(`killed ${i}`, { signalled: true });
    else policy.died(`killed ${i}`, unproven);
    pauses.push(policy.pauseMs);
    assert.equal(policy.unhealthyReason, undefined);
    assert.equal(policy.lastReason, `killed ${i}`);
  }
  assert.deepStrictEqual([...new Set(pauses)], [100, 200]);
  assert.equal(pauses.indexOf(200), 19, "the 20th");
  policy.startFailed("killed 30", { signalled: true });
  assert.equal(policy.unhealthyReason, "killed 30", "it never spins");
  for (let i = 0; i < 1_000; i++) policy.startFailed("killed", { signalled: true });
  assert.equal(policy.pauseMs, 30_000);
  policy.proved();
  assert.deepStrictEqual([policy.failures, policy.pauseMs], [0, 0]);
});

Deno.test("RestartPolicy.proved() forgets ends by a signal", () => {
  const policy = new RestartPolicy(1);
  policy.startFailed("killed", { signalled: true });
  assert.deepStrictEqual([policy.failures, policy.isInDoubt], [0, true]);
  policy.proved();
  assert.deepStrictEqual([policy.pauseMs, policy.isInDoubt], [0, false]);
});
