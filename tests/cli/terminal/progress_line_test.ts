import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ProgressEstimate,
  progressFacts,
  progressLine,
  textWidth,
} from "../../../src/cli/terminal/mod.ts";

Deno.test("progressFacts() takes what it knows out of a report, and shows any other", () => {
  assert.deepEqual(progressFacts(0.5), { fraction: 0.5 });
  assert.deepEqual(progressFacts({ fraction: 0.5, message: "half", rows: 3 }), {
    fraction: 0.5,
    message: "half",
  });
  assert.deepEqual(progressFacts("half"), { message: "half" });
  assert.deepEqual(progressFacts({ rows: 3 }), { message: '{"rows":3}' });
  assert.deepEqual(progressFacts([1]), { message: "[1]" });
  assert.deepEqual(progressFacts(null), { message: "null" });
});

Deno.test("progressLine() has a bar, the part, the rate, the time that is left, and a message", () => {
  const facts = {
    fraction: 0.5,
    done: 1_500,
    total: 3_000,
    failed: 2,
    perSecond: 250,
    etaMs: 6_000,
  };
  assert.equal(
    progressLine("running", { ...facts, message: "rows\x1b[2J\nof a" }, 100),
    "running  ████████████░░░░░░░░░░░░  50%  1,500/3,000  2 failed  250/s  eta 6.0 s  rows\\x1b[2J of a",
  );
  assert.equal(progressLine("running", { fraction: 0.99999 }, 40).endsWith("  99%"), true);
  assert.equal(progressLine("running", { message: "at work" }, 40), "running  at work");
  assert.equal(progressLine("available: next in line", {}, 40), "available: next in line");
});

Deno.test("progressLine() leaves out the bar where there is no room, and always fits", () => {
  assert.equal(
    progressLine("running", { fraction: 0.5, message: "half" }, 20),
    "running  50%  half",
  );
  fc.assert(fc.property(
    fc.string({ unit: "grapheme" }),
    fc.double(),
    fc.nat(60),
    (message, fraction, width) => {
      const line = progressLine("running", { fraction, message }, width);
      assert.ok(textWidth(line) <= width, line);
    },
  ));
});

Deno.test("ProgressEstimate.with() knows the time that is left from what it has seen", () => {
  const estimate = new ProgressEstimate();
  assert.deepEqual(estimate.with({ fraction: 0.2 }, 1_000), { fraction: 0.2 });
  assert.deepEqual(estimate.with({ fraction: 0.4 }, 3_000), { fraction: 0.4, etaMs: 6_000 });
  // The next attempt begins again.
  assert.deepEqual(estimate.with({ fraction: 0.1 }, 9_000), { fraction: 0.1 });
  assert.deepEqual(estimate.with({ fraction: 0.5, etaMs: 7 }, 9_100), { fraction: 0.5, etaMs: 7 });
  assert.deepEqual(estimate.with({ message: "m" }, 9_200), { message: "m" });
});
