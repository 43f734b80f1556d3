import assert from "node:assert/strict";
import { StartBackoff } from "../../../../src/pool/supervision/health/start_backoff.ts";

function afterFailures(count: number, random = 0): StartBackoff {
  const backoff = new StartBackoff(() => random);
  for (let i = 1; i <= count; i++) backoff.failed();
  return backoff;
}

Deno.test("StartBackoff.pauseMs is 0 at first, then doubles from 100 ms up to 30 s", () => {
  const pauses = [0, 1, 2, 3, 4, 8, 9, 10, 11, 2_000].map((count) => afterFailures(count).pauseMs);
  assert.deepStrictEqual(pauses, [0, 100, 200, 400, 800, 12_800, 25_600, 30_000, 30_000, 30_000]);
});

Deno.test("StartBackoff.pauseMs is shortened by a random part, by half at most", () => {
  assert.equal(afterFailures(1, 0.5).pauseMs, 75);
  const least = afterFailures(5_000, 0.999_999).pauseMs;
  assert.ok(least > 15_000 && least < 15_001, String(least));
});

Deno.test("StartBackoff.reset() forgets all failures, including those by a signal", () => {
  for (const signalled of [false, true]) {
    const backoff = afterFailures(9);
    backoff.failed({ signalled });
    backoff.reset();
    assert.deepStrictEqual([backoff.failures, backoff.pauseMs], [0, 0]);
    backoff.failed({ signalled });
    assert.equal(backoff.pauseMs, 100);
  }
});

Deno.test("StartBackoff counts ten ends by a signal as one failure, and keeps their pause short", () => {
  const backoff = new StartBackoff(() => 0);
  const pauses: number[] = [];
  for (let i = 1; i < 30; i++) {
    backoff.failed({ signalled: true });
    pauses.push(backoff.pauseMs);
    assert.equal(backoff.failures, Math.floor(i / 10));
  }
  assert.deepStrictEqual([...new Set(pauses)], [100, 200]);
  assert.equal(pauses.indexOf(200), 19, "the 20th");
  for (let i = 0; i < 1_000; i++) backoff.failed({ signalled: true });
  assert.equal(backoff.pauseMs, 30_000, "it never spins");
});
