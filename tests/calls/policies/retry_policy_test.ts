import assert from "node:assert/strict";
import { RetryPolicy } from "../../../src/calls/policies/mod.ts";
import { type ErrorCode, SnakedenError, WorkerCrashedError } from "../../../src/errors.ts";

const OPTIONS = {
  attempts: 3,
  baseMs: 100,
  capMs: 1_000,
  jitter: "none" as "none" | "half" | "full",
  codes: ["pool_saturated", "worker_crashed", "python_exception", "shutting_down"] as ErrorCode[],
};

const EXIT = { exitCode: 1, signal: null, lastOutput: [] };

function pausesOf(options: Partial<typeof OPTIONS>, count: number): number[] {
  return [...new RetryPolicy({ ...OPTIONS, ...options }).pauses().take(count)];
}

Deno.test("RetryPolicy.pauses() doubles the first one up to the cap", () => {
  assert.deepStrictEqual(pausesOf({}, 6), [100, 200, 400, 800, 1_000, 1_000]);
});

Deno.test("RetryPolicy.pauses() leaves a half or all of a pause to chance", () => {
  for (const [jitter, least] of [["half", 0.5], ["full", 0]] as const) {
    const full = pausesOf({}, 20);
    for (let i = 0; i < 50; i++) {
      pausesOf({ jitter }, 20).forEach((pauseMs, n) => {
        const most = full[n] ?? NaN;
        assert.ok(pauseMs >= Math.floor(most * least) && pauseMs <= most, `${pauseMs} of ${most}`);
      });
    }
    assert.ok(new Set(pausesOf({ jitter }, 50)).size > 5);
  }
});

Deno.test("RetryPolicy.takes() accepts listed errors of calls that have not run", () => {
  const retry = new RetryPolicy(OPTIONS);
  const never = (): boolean => false;
  assert.ok(retry.takes(new SnakedenError("pool_saturated", "x"), never));
  assert.ok(!retry.takes(new SnakedenError("pool_unhealthy", "x"), never), "not listed");
  const patient = new RetryPolicy({ ...OPTIONS, codes: ["device_unavailable"] });
  assert.ok(patient.takes(new SnakedenError("device_unavailable", "x"), never));
  assert.ok(!retry.takes(new DOMException("left", "AbortError"), never));
  assert.ok(!retry.takes("text", never));
});

Deno.test("RetryPolicy.takes() accepts errors of calls that may have run only if they may run twice", () => {
  const retry = new RetryPolicy(OPTIONS);
  const errors = [
    new WorkerCrashedError("x", EXIT),
    new SnakedenError("python_exception", "x"),
    new SnakedenError("shutting_down", "x", { details: { mayHaveRun: true } }),
  ];
  for (const error of errors) {
    const taken = [false, true].map((isIdempotent) => retry.takes(error, () => isIdempotent));
    assert.deepStrictEqual(taken, [false, true], error.code);
  }
});
