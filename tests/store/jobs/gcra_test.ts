import assert from "node:assert/strict";
import fc from "fast-check";
import { allowedStarts, nextStartAt, tatAfter } from "../../../src/store/mod.ts";

const NOW = 1_800_000_000_000;

Deno.test("a rate allows a burst of its limit, then one start after the other, evenly", () => {
  const rate = { limit: 4, periodMs: 1_000 };
  assert.equal(allowedStarts(0, NOW, rate), 4);
  const tat = tatAfter(0, NOW, { ...rate, count: 4 });
  assert.equal(allowedStarts(tat, NOW, rate), 0);
  assert.deepEqual(
    [200, 250, 490, 500, 750, 5_000].map((ms) => allowedStarts(tat, NOW + ms, rate)),
    [
      0,
      1,
      1,
      2,
      3,
      4,
    ],
  );
});

Deno.test("nextStartAt() is the first millisecond at which a rate allows a start", () => {
  const rates = fc.record({
    limit: fc.integer({ min: 1, max: 1_000_000 }),
    periodMs: fc.integer({ min: 1, max: 1_000_000_000 }),
  });
  fc.assert(fc.property(rates, fc.nat(1_000), fc.nat(100_000), (rate, count, waited) => {
    const tat = tatAfter(0, NOW, { ...rate, count });
    const at = nextStartAt(tat, NOW + waited, rate);
    assert.ok(at >= NOW + waited);
    assert.ok(allowedStarts(tat, at, rate) >= 1);
    if (at > NOW + waited) assert.equal(allowedStarts(tat, at - 1, rate), 0);
  }));
});

Deno.test("nextStartAt() is exact where its formula and that of allowedStarts() round apart", () => {
  const rate = { limit: 17, periodMs: 417_376_100 };
  const tat = tatAfter(0, NOW, { ...rate, count: 602 });
  const at = nextStartAt(tat, NOW, rate);
  assert.deepEqual([at - 1, at].map((now) => allowedStarts(tat, now, rate)), [0, 1]);
});

Deno.test("rates that no millisecond divides are kept over many starts", () => {
  for (const limit of [3, 7, 30, 700, 3_000]) {
    const rate = { limit, periodMs: 1_000 };
    let [tat, starts] = [0, 0];
    for (let now = NOW; now < NOW + 20_000; now++) {
      const count = allowedStarts(tat, now, rate);
      if (count === 0) continue;
      tat = tatAfter(tat, now, { ...rate, count });
      starts += count;
    }
    assert.ok(
      Math.abs(starts - 21 * limit) <= 1 + limit / 1_000,
      `${starts} starts of ${21 * limit}`,
    );
  }
});

Deno.test("a change of the limit holds at once, and takes nothing back", () => {
  const tat = tatAfter(0, NOW, { limit: 10, periodMs: 1_000, count: 10 });
  assert.equal(allowedStarts(tat, NOW + 500, { limit: 10, periodMs: 1_000 }), 5);
  assert.equal(allowedStarts(tat, NOW + 500, { limit: 2, periodMs: 1_000 }), 1);
});
