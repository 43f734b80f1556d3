import assert from "node:assert/strict";
import {
  DeadlineExceededError,
  InvalidInputError,
  PythonError,
  WorkerCrashedError,
} from "../../src/errors.ts";
import { errorOf } from "../../src/jobs/job_errors.ts";
import { jobErrorOf } from "../../src/jobs/failures/mod.ts";
import type { JobRow } from "../../src/store/mod.ts";

/** A job that has ended in this way. */
function ended(fields: Partial<JobRow>): JobRow {
  return {
    id: "j",
    seq: 1,
    kind: "call",
    name: "add",
    pool: "p",
    queue: "default",
    state: "discarded",
    priority: 0,
    tags: [],
    metadata: {},
    options: {},
    attempt: 1,
    maxAttempts: 3,
    run: 1,
    createdAt: 0,
    runAt: 0,
    ...fields,
  };
}

Deno.test("errorOf() returns an error of the class with which the job has failed", () => {
  const exit = { exitCode: null, signal: "SIGKILL", lastOutput: ["bye"] } as const;
  const issues = [{ path: "args.b", message: "is missing" }];
  const thrown = [
    new InvalidInputError("wrong", issues, "invalid_arguments"),
    new DeadlineExceededError("late", "queue"),
    new WorkerCrashedError("died", exit),
    new PythonError("raised", { type: "ValueError", message: "no rows", traceback: "File x" }),
  ];
  for (const error of thrown) {
    const found = errorOf(ended({ error: jobErrorOf(error) }));
    assert.equal(found.constructor, error.constructor);
    assert.equal(found.code, error.code);
    assert.equal(found.details["jobId"], "j");
  }
  const [invalid, late, crashed, raised] = thrown.map((error) =>
    errorOf(ended({ error: jobErrorOf(error) }))
  );
  assert.deepEqual(invalid instanceof InvalidInputError && invalid.issues, issues);
  assert.equal(late instanceof DeadlineExceededError && late.stage, "queue");
  assert.equal(crashed instanceof WorkerCrashedError && crashed.exit.signal, "SIGKILL");
  assert.equal(raised instanceof PythonError && raised.python.message, "no rows");
});

Deno.test("errorOf() names the reason of a cancellation only if there is one", () => {
  const textOf = (cancelReason?: string): string =>
    errorOf(ended({ state: "cancelled", ...(cancelReason === undefined ? {} : { cancelReason }) }))
      .message;
  assert.equal(textOf(), "The job j was cancelled");
  assert.equal(textOf(""), "The job j was cancelled");
  assert.equal(textOf("no money"), "The job j was cancelled: no money");
});
