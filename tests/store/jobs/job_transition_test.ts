import assert from "node:assert/strict";
import { afterLoss, afterOutcome, expiredError, firstStart } from "../../../src/store/mod.ts";

const RUNNING = { attempt: 2, maxAttempts: 3, isCancelling: false, run: 4, holder: "h" };
const CANCELLING = { ...RUNNING, isCancelling: true };
const ERROR = { code: "python_exception", message: "No" };

Deno.test("firstStart() schedules a job whose time has not come", () => {
  assert.deepEqual(firstStart({}, 100), { state: "available", runAt: 100 });
  assert.deepEqual(firstStart({ start: { inMs: 0 } }, 100), { state: "available", runAt: 100 });
  assert.deepEqual(firstStart({ start: { inMs: 1 } }, 100), { state: "scheduled", runAt: 101 });
  assert.deepEqual(firstStart({ start: { at: 99 } }, 100), { state: "available", runAt: 99 });
  assert.deepEqual(firstStart({ start: { at: 101 } }, 100), { state: "scheduled", runAt: 101 });
});

Deno.test("afterOutcome() moves a job as its holder says", () => {
  const completed = { type: "completed", result: new Uint8Array() } as const;
  const end = { attempt: 2, recorded: "completed", error: undefined };
  for (const job of [RUNNING, CANCELLING]) {
    assert.deepEqual(afterOutcome(completed, job, 100), { state: "completed", ...end });
  }
  assert.deepEqual(afterOutcome({ type: "cancelled", error: ERROR }, RUNNING, 100), {
    state: "cancelled",
    attempt: 2,
    recorded: "cancelled",
    error: ERROR,
  });
});

Deno.test("afterOutcome() lets a failed job wait for its next attempt, or ends it", () => {
  const failed = { attempt: 2, recorded: "failed", error: ERROR };
  const retry = { type: "failed", error: ERROR, retryInMs: 50 } as const;
  assert.deepEqual(afterOutcome(retry, RUNNING, 100), {
    state: "retryable",
    runAt: 150,
    ...failed,
  });
  assert.deepEqual(afterOutcome({ ...retry, retryInMs: null }, RUNNING, 100), {
    state: "discarded",
    ...failed,
  });
  assert.deepEqual(afterOutcome(retry, CANCELLING, 100), { state: "cancelled", ...failed });
});

Deno.test("afterOutcome() charges no attempt for a job that was returned", () => {
  const returned = { type: "returned", hasBegun: true } as const;
  const rest = { attempt: 1, recorded: "returned", error: "same" };
  assert.deepEqual(afterOutcome(returned, RUNNING, 100), { state: "available", ...rest });
  assert.deepEqual(afterOutcome(returned, CANCELLING, 100), { state: "cancelled", ...rest });
  assert.deepEqual(afterOutcome({ type: "returned", hasBegun: false }, RUNNING, 100), {
    state: "available",
    attempt: 1,
    error: "same",
  });
});

Deno.test("afterOutcome() lets a job wait that was returned for later, with the reason", () => {
  const error = { code: "unknown_tool", message: "no" };
  const later = { type: "returned", hasBegun: false, error, inMs: 50 } as const;
  assert.deepEqual(afterOutcome(later, RUNNING, 100), {
    state: "retryable",
    attempt: 1,
    runAt: 150,
    error,
  });
  assert.equal(afterOutcome(later, CANCELLING, 100).state, "cancelled");
});

Deno.test("afterLoss() charges the attempt, and ends a job after its last one", () => {
  const lost = afterLoss(RUNNING);
  assert.deepEqual([lost.state, lost.attempt, lost.recorded], ["available", 2, "lost"]);
  assert.deepEqual(lost.error === "same" ? undefined : lost.error?.code, "host_lost");
  assert.equal(afterLoss({ ...RUNNING, attempt: 3 }).state, "discarded");
  assert.equal(afterLoss({ ...CANCELLING, attempt: 3 }).state, "cancelled");
});

Deno.test("expiredError() names the time", () => {
  assert.deepEqual(expiredError(0), {
    code: "job_expired",
    message: "The job expired: it had not begun by 1970-01-01T00:00:00.000Z",
  });
});
