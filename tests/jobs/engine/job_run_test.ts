import assert from "node:assert/strict";
import { JobFeed } from "../../../src/jobs/mod.ts";
import { JobRun } from "../../../src/jobs/engine/job_run.ts";
import type { Claim } from "../../../src/store/mod.ts";

const CLAIM: Claim = {
  token: "t",
  job: {
    ...{ seq: 1, id: "j", kind: "call", name: "work", queue: "default", pool: "p", priority: 0 },
    ...{
      state: "running",
      attempt: 1,
      maxAttempts: 1,
      run: 1,
      tags: [],
      metadata: {},
      options: {},
    },
    ...{ createdAt: 0, runAt: 0 },
  },
  args: new Uint8Array(),
};

const LOG = { maxBytes: 1_000_000, maxLineChars: 1_000 };

function started(): JobRun {
  const deps = { feed: new JobFeed(), keepsChunks: false, log: LOG, onOutput: (): void => {} };
  return new JobRun(CLAIM, { now: 0, leaseMs: 1, mayWait: false, deps });
}

Deno.test("JobRun.stop() aborts both of its signals, with one reason", () => {
  const run = started();
  const { signal, stopSignal } = run;
  assert.deepEqual([signal.aborted, stopSignal.aborted], [false, false]);
  run.stop("cancelled");
  assert.deepEqual([signal.aborted, stopSignal.aborted], [true, true]);
  assert.equal(signal.reason, stopSignal.reason);
});

Deno.test("JobRun.signal is aborted if it is first read after the stop", () => {
  const run = started();
  run.stop("cancelled");
  assert.equal(run.signal.aborted, true);
  assert.equal(run.signal.reason, run.stopSignal.reason);
  assert.equal(run.signal, run.signal);
});
