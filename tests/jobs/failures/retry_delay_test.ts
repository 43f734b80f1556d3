import assert from "node:assert/strict";
import { retryInMs } from "../../../src/jobs/failures/mod.ts";
import type { JobError } from "../../../src/store/mod.ts";

const RETRY = { minMs: 100, maxMs: 1_000, factor: 2, jitter: 0 };
const CRASH: JobError = { code: "worker_crashed", message: "it died" };

function delays(options: Record<string, unknown>, error = CRASH, random = 0): (number | null)[] {
  return [1, 2, 3, 4, 5, 6].map((attempt) =>
    retryInMs({ attempt, maxAttempts: 6, options }, error, { retry: RETRY, random: () => random })
  );
}

function raised(type: string): JobError {
  return { code: "python_exception", message: "no", details: { python: { type, message: "no" } } };
}

function isTried(error: JobError, never: readonly string[] = []): boolean {
  return delays({ retry: { never } }, error)[0] !== null;
}

Deno.test("retryInMs() grows by the factor up to the longest pause, and ends with the last attempt", () => {
  assert.deepEqual(delays({}), [100, 200, 400, 800, 1_000, null]);
});

Deno.test("retryInMs() takes what the job names, and the rest from the configuration", () => {
  assert.deepEqual(delays({ retry: { factor: 1 } }), [100, 100, 100, 100, 100, null]);
  assert.deepEqual(delays({ retry: { minMs: 0, factor: 100 } }), [0, 0, 0, 0, 0, null]);
  assert.deepEqual(delays({ retry: { maxMs: 150, minMs: undefined } }).slice(0, 2), [100, 150]);
  assert.deepEqual(delays({ retry: "damaged" }).slice(0, 2), [100, 200]);
});

Deno.test("retryInMs() shortens a pause by at most the jitter", () => {
  assert.deepEqual(delays({ retry: { jitter: 0.5 } }, CRASH, 0.5).slice(0, 2), [75, 150]);
  assert.deepEqual(delays({ retry: { jitter: 1 } }, CRASH, 0.99).slice(0, 2), [1, 2]);
});

Deno.test("retryInMs() is bounded after a thousand attempts", () => {
  const job = { attempt: 999, maxAttempts: 1_000, options: { retry: { factor: 100 } } };
  assert.equal(retryInMs(job, CRASH, { retry: RETRY }), 1_000);
  const soon = { ...job, options: { retry: { factor: 100, minMs: 0 } } };
  assert.equal(retryInMs(soon, CRASH, { retry: RETRY }), 0);
});

Deno.test("retryInMs() tries nothing again that has the same end each time", () => {
  for (const code of ["invalid_arguments", "unknown_tool", "result_too_large", "poison_call"]) {
    assert.equal(isTried({ code, message: "no" }), false, code);
  }
  for (const code of ["worker_crashed", "out_of_memory", "deadline_exceeded", "stalled"]) {
    assert.equal(isTried({ code, message: "no" }), true, code);
  }
});

Deno.test("retryInMs() tries nothing again that the job names, by code, class or base class", () => {
  assert.equal(isTried(CRASH, ["worker_crashed"]), false);
  assert.equal(isTried(CRASH, ["deadline_exceeded"]), true);
  assert.equal(isTried(raised("ValueError"), ["ValueError"]), false);
  assert.equal(isTried(raised("app.errors.Declined"), ["Declined"]), false);
  assert.equal(isTried(raised("app.errors.Declined"), ["app.errors.Declined"]), false);
  assert.equal(isTried(raised("ConnectionResetError"), ["OSError"]), false);
  assert.equal(isTried(raised("UnicodeDecodeError"), ["ValueError"]), false);
  assert.equal(isTried(raised("KeyError"), ["Exception"]), false);
  assert.equal(isTried(raised("KeyError"), ["ValueError", "Declined", "rror"]), true);
  assert.equal(isTried(raised("KeyError"), ["python_exception"]), false);
});
