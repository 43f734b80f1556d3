import assert from "node:assert/strict";
import {
  DeadlineExceededError,
  type ErrorCode,
  InvalidInputError,
  PythonError,
  SnakedenError,
  WorkerCrashedError,
} from "../../src/errors.ts";
import { StatsCounter } from "../../src/pool/pool_stats.ts";

const EXIT = { exitCode: 1, signal: null, lastOutput: [] };

function plain(code: ErrorCode): SnakedenError {
  return new SnakedenError(code, "x");
}

Deno.test("StatsCounter.ended() counts each end once, under the right name", () => {
  const ends: Record<string, unknown[]> = {
    completed: [undefined],
    failed: [
      new PythonError("x", { type: "ValueError", message: "x" }),
      new InvalidInputError("x", [], "invalid_arguments"),
      plain("result_too_large"),
      plain("unknown_tool"),
      plain("internal"),
    ],
    cancelled: [plain("cancelled"), new DOMException("left", "AbortError"), "a text", null],
    timedOut: [new DeadlineExceededError("x", "queue"), new DeadlineExceededError("x", "tool")],
    crashed: [
      new WorkerCrashedError("x", EXIT),
      new WorkerCrashedError("x", EXIT, {}, { code: "out_of_memory" }),
      new WorkerCrashedError("x", EXIT, {}, { code: "cpu_limit_exceeded" }),
      new SnakedenError("poison_call", "x", { details: { workersLost: 3 } }),
    ],
    refused: [
      plain("pool_saturated"),
      plain("pool_unhealthy"),
      plain("shutting_down"),
      plain("circuit_open"),
      new SnakedenError("poison_call", "x", { details: { workersLost: 0 } }),
    ],
  };
  const stats = new StatsCounter();
  for (const errors of Object.values(ends)) {
    for (const error of errors) {
      stats.requested();
      stats.ended(error);
    }
  }
  assert.deepStrictEqual(stats.snapshot, {
    requests: 21,
    completed: 1,
    failed: 5,
    cancelled: 4,
    timedOut: 2,
    crashed: 4,
    refused: 5,
    saturated: 1,
  });
});

Deno.test("StatsCounter.snapshot does not change afterwards", () => {
  const stats = new StatsCounter();
  const { snapshot } = stats;
  stats.requested();
  assert.equal(snapshot.requests, 0);
});
