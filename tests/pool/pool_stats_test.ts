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
    restarts: 0,
    recycled: 0,
  });
});

Deno.test("StatsCounter goes on with the counts of the pools before it, which may still change until they have ended", () => {
  const workers = { restarts: 2, recycled: 1, total: 1, reruns: 1, poisoned: 0 };
  const counterOf = (before?: StatsCounter): StatsCounter => {
    const stats = new StatsCounter(before);
    stats.follow(() => workers);
    stats.requested();
    return stats;
  };
  const first = counterOf();
  const second = counterOf(first);
  const third = counterOf(second);
  const sums = (): number[] => {
    const { requests, completed, restarts, recycled } = third.snapshot;
    const { total, reruns, poisoned } = third.crashes;
    return [requests, completed, restarts, recycled, total, reruns, poisoned];
  };
  assert.deepEqual(sums(), [3, 0, 6, 3, 3, 3, 0]);
  // Calls and workers of the pool before may still go on.
  first.ended(undefined);
  workers.restarts++;
  assert.deepEqual(sums(), [3, 1, 9, 3, 3, 3, 0]);
  second.ended(undefined);
  for (const stats of [first, second]) stats.close();
  // The workers of the third pool alone still count.
  workers.restarts = 10;
  assert.deepEqual(sums(), [3, 2, 16, 3, 3, 3, 0]);
  assert.deepEqual(sums(), [3, 2, 16, 3, 3, 3, 0]);
});

Deno.test("StatsCounter.snapshot does not change afterwards", () => {
  const stats = new StatsCounter();
  const { snapshot } = stats;
  stats.requested();
  assert.equal(snapshot.requests, 0);
});
