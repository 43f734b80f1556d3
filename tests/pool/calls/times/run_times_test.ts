import assert from "node:assert/strict";
import { RunTimes } from "../../../../src/pool/calls/times/run_times.ts";

function after(...runs: number[]): number {
  const times = new RunTimes();
  for (const runMs of runs) times.note("t", runMs);
  return times.expected("t");
}

function repeat(runMs: number, times: number): number[] {
  return Array.from({ length: times }, () => runMs);
}

Deno.test("RunTimes.expected() is Infinity for a tool that has not run, and its first run time after that", () => {
  const times = new RunTimes();
  assert.equal(times.expected("t"), Infinity);
  times.note("t", 3);
  assert.equal(times.expected("t"), 3);
  assert.equal(times.expected("u"), Infinity);
});

Deno.test("RunTimes.expected() follows the runs", () => {
  assert.equal(after(...repeat(2, 50)), 2);
  const slower = after(...repeat(1, 50), 2);
  assert.ok(slower > 1 && slower < 1.2, String(slower));
  const adapted = after(...repeat(1, 50), ...repeat(2, 50));
  assert.ok(adapted > 1.95 && adapted <= 2, String(adapted));
});

Deno.test("RunTimes.note() gives little weight to one run that lost its processor", () => {
  const disturbed = after(...repeat(0.02, 50), 40);
  assert.ok(disturbed < 0.04, String(disturbed));
});

Deno.test("RunTimes.note() shows within 20 runs that a tool has become slow, even if it took no time before", () => {
  assert.ok(after(...repeat(0.02, 50), ...repeat(40, 20)) > 1);
  assert.ok(after(...repeat(0, 50), ...repeat(40, 25)) > 1);
});

Deno.test("RunTimes.note() forgets a cold start", () => {
  assert.ok(after(50, ...repeat(0.02, 60)) < 0.2);
});

Deno.test("RunTimes.note() ignores invalid durations", () => {
  assert.equal(after(1, NaN, -1, Infinity), 1);
  assert.equal(after(NaN), Infinity);
});
