import assert from "node:assert/strict";
import type { FieldIssue } from "../../../src/errors.ts";
import { checkJob } from "../../../src/jobs/submission/check_job.ts";
import type { CheckedJob } from "../../../src/jobs/submission/checked_job.ts";

const NOW = Date.UTC(2026, 10, 2, 12);
const DEPS = { kinds: ["call"], queues: ["default", "mail"], now: NOW };

function issuesOf(input: unknown): readonly FieldIssue[] {
  const checked = checkJob(input, DEPS);
  return Array.isArray(checked) ? checked : [];
}

function accepted(input: unknown): CheckedJob {
  const checked = checkJob(input, DEPS);
  if (Array.isArray(checked)) assert.fail(JSON.stringify(checked));
  return checked;
}

/** Returns the text of the one issue, as `path: message`. */
function problem(fields: Readonly<Record<string, unknown>>): string {
  const issues = issuesOf({ tool: "add", ...fields });
  assert.equal(issues.length, 1, JSON.stringify(issues));
  return issues.map(({ path, message }) => `${path}: ${message}`).join();
}

Deno.test("checkJob() accepts a call with every option", () => {
  const input = {
    kind: "call",
    tool: "add",
    args: { a: 1 },
    pool: "default",
    sessionId: "u1",
    affinity: "strict_queue",
    queue: "mail",
    priority: -10,
    runAt: "2026-11-02T13:00:00+00:00",
    maxAttempts: 1_000,
    retry: { minMs: 0, maxMs: 1_000, factor: 1.5, jitter: 0, never: ["ValueError"] },
    timeoutMs: 1,
    stallTimeoutMs: 0,
    ttlMs: 3_600_001,
    idempotencyKey: "k",
    unique: { key: "u", mode: "debounce" },
    concurrency: { key: "c", limit: 2 },
    rateLimit: { key: "r", limit: 1, periodMs: 1_000 },
    tags: ["a", "b"],
    metadata: { tenant: 1 },
    retention: { completedMs: 0 },
  } as const;
  assert.deepEqual(accepted(input), { ...input, runAt: Date.UTC(2026, 10, 2, 13) });
  assert.equal(accepted({ tool: "add", runAt: new Date(NOW) }).runAt, NOW);
});

Deno.test("checkJob() names a wrong field, the value and what is allowed", () => {
  assert.equal(problem({ kind: "cal" }), 'kind: given "cal"; did you mean "call"?');
  assert.equal(problem({ queue: "mial" }), 'queue: there is no queue "mial"; did you mean "mail"?');
  assert.match(problem({ prioritty: 1 }), /^prioritty: unknown key; did you mean "priority"/);
  assert.match(problem({ priority: 11 }), /^priority: given 11; allowed: .* -10 to 10$/);
  assert.match(problem({ tool: "" }), /^tool: given ""; allowed: a text of 1 to 256 characters/);
  assert.match(problem({ tool: undefined }), /^tool: missing; allowed: a text/);
  assert.match(problem({ args: [1] }), /^args: given a list of 1; allowed: an object/);
  assert.match(problem({ retry: { factor: 0 } }), /^retry.factor: given 0; allowed: .* 1 to 100$/);
  assert.match(problem({ unique: { key: "a\0" } }), /^unique.key: given "a.*without NUL$/s);
  assert.match(problem({ tags: Array(33).fill("t") }), /^tags: given a list of 33; .* 32 texts$/);
  assert.match(problem({ concurrency: { key: "k", limit: 0 } }), /^concurrency.limit: given 0; /);
});

Deno.test("checkJob() refuses numbers that are none, too small or too large", () => {
  for (const delayMs of [-1, NaN, 1e18, 0.5, "1"]) {
    assert.match(problem({ delayMs }), /^delayMs: given .*; allowed: a whole number from 0 to /);
  }
  for (const maxAttempts of [0, 1e9, Infinity]) {
    assert.match(problem({ maxAttempts }), /^maxAttempts: given .*; allowed: .* from 1 to 1000$/);
  }
});

Deno.test("checkJob() refuses times that are past, none, or after the year 9999", () => {
  assert.match(problem({ runAt: "2020-01-01T00:00:00Z" }), /^runAt: given 2020.*, which is past; /);
  const others = ["+275761-01-01T00:00:00Z", "tomorrow", 5, new Date(NaN), new Date(8.64e15)];
  for (const runAt of others) {
    assert.match(problem({ runAt }), /^runAt: given .*; allowed: a time that is not past, in ISO/);
  }
  assert.match(
    problem({ runAt: "2026-11-02T13:00:00Z", delayMs: 1 }),
    /^delayMs: .*one of the two/,
  );
});

Deno.test("checkJob() refuses an id that no path can hold, and one beside an idempotency key", () => {
  for (const id of ["", "a b", "a/b", "ä", ".", "..", "x".repeat(129), 7]) {
    assert.match(
      problem({ id }),
      /^id: given .*; allowed: 1 to 128 letters, .*neither \. nor \.\.$/,
    );
  }
  assert.match(problem({ id: "a", idempotencyKey: "k" }), /^idempotencyKey: given beside id, /);
  assert.equal(accepted({ tool: "add", id: "A.b_c:9-" }).id, "A.b_c:9-");
  accepted({ tool: "add", id: "a", runAt: "2020-01-01T00:00:00Z" });
});

Deno.test("checkJob() accepts a time that is just past, and any past one with a key", () => {
  assert.equal(accepted({ tool: "add", runAt: "2026-11-02T11:59:30Z" }).runAt, NOW - 30_000);
  accepted({ tool: "add", runAt: "2020-01-01T00:00:00Z", idempotencyKey: "k" });
});

Deno.test("checkJob() refuses a job that would expire before it may start", () => {
  const allowed = "allowed: more than that, or no ttlMs";
  assert.equal(
    problem({ delayMs: 5_000, ttlMs: 5_000 }),
    `ttlMs: given 5000, but the job may start after 5000 ms only; ${allowed}`,
  );
  assert.equal(
    problem({ runAt: new Date(NOW + 2_000), ttlMs: 1_000 }),
    `ttlMs: given 1000, but the job may start after 2000 ms only; ${allowed}`,
  );
});

Deno.test("checkJob() refuses a key of 10 KB, and an affinity without a session", () => {
  const key = "k".repeat(10_240);
  assert.match(problem({ idempotencyKey: key }), /^idempotencyKey: given .*1 to 512 characters/);
  assert.match(problem({ affinity: "strict_queue" }), /^affinity: .*without a sessionId/);
});

Deno.test("checkJob() names every field that is wrong", () => {
  const issues = issuesOf({ tool: 1, priority: "high", queue: "none", delayMs: -1 });
  const paths = issues.map(({ path }) => path).sort();
  assert.deepEqual(paths, ["delayMs", "priority", "queue", "tool"]);
  assert.deepEqual(issuesOf("add"), [{ path: "", message: 'given "add"; allowed: an object' }]);
});
