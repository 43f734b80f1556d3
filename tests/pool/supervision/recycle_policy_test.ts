import assert from "node:assert/strict";
import { RecyclePolicy } from "../../../src/pool/supervision/recycle_policy.ts";

Deno.test("RecyclePolicy.lifeMs() is maxAgeMs, or up to a tenth less", () => {
  for (const [random, lifeMs] of [[0, 1_000], [0.5, 950], [0.999, 900.1]] as const) {
    assert.equal(new RecyclePolicy({ maxAgeMs: 1_000 }, () => random).lifeMs(), lifeMs);
  }
  assert.equal(new RecyclePolicy({}).lifeMs(), undefined);
});

Deno.test("RecyclePolicy.renewAtCall lies nine tenths into the calls, and is never 0", () => {
  const cases = [[1, 1], [2, 1], [3, 2], [10, 9], [1_000, 900], [undefined, Infinity]] as const;
  for (const [maxCalls, renewAtCall] of cases) {
    assert.equal(new RecyclePolicy({ maxCalls }).renewAtCall, renewAtCall, `${maxCalls}`);
  }
});

Deno.test("RecyclePolicy.memoryCause() names the measured value and the limit", () => {
  const policy = new RecyclePolicy({ maxRssBytes: 100 * 2 ** 20 });
  assert.equal(policy.memoryCause(100 * 2 ** 20), undefined);
  assert.deepEqual(policy.memoryCause(150.25 * 2 ** 20), {
    code: "max_memory",
    text: "it and its children hold 150.3 MiB of memory, maxRssBytes is 100.0 MiB",
  });
  assert.equal(new RecyclePolicy({}).memoryCause(2 ** 40), undefined);
});
