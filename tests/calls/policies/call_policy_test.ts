import assert from "node:assert/strict";
import {
  CallPolicy,
  Circuit,
  type PolicedCall,
  RetryPolicy,
} from "../../../src/calls/policies/mod.ts";
import type { RetryConfig } from "../../../src/config/mod.ts";
import { type ErrorCode, SnakedenError } from "../../../src/errors.ts";
import { FakeTime } from "../../fixtures/fakes/fake_time.ts";

const RETRY: RetryConfig = {
  attempts: 4,
  baseMs: 1,
  capMs: 1,
  jitter: "none",
  codes: ["pool_saturated", "worker_crashed"],
};

interface SetUp {
  readonly policy: CallPolicy;
  readonly stopping: AbortController;
  /** The time left at each attempt. */
  readonly attempts: number[];
  readonly retries: () => number;
  run(ends: (ErrorCode | "ok")[], call?: Partial<PolicedCall<string>>): Promise<string>;
}

function setUp(retry?: Partial<RetryConfig>, circuits: Circuit[] = []): SetUp {
  const attempts: number[] = [];
  const stopping = new AbortController();
  let retries = 0;
  const policy = new CallPolicy({
    circuits,
    retry: retry && new RetryPolicy({ ...RETRY, ...retry }),
    onRetry: () => retries++,
    stopping: stopping.signal,
  });
  return {
    policy,
    stopping,
    attempts,
    retries: () => retries,
    run: async (ends, call = {}) => {
      try {
        return await policy.run({
          tool: "crunch",
          timeoutMs: 60_000,
          isIdempotent: () => false,
          attempt: (timeoutMs) => {
            const end = ends[attempts.push(timeoutMs) - 1] ?? "ok";
            return end === "ok"
              ? Promise.resolve("ok")
              : Promise.reject(new SnakedenError(end, "no", { retryable: true }));
          },
          ...call,
        });
      } catch (error) {
        return error instanceof SnakedenError ? error.code : String(error);
      }
    },
  };
}

Deno.test("CallPolicy.run() repeats a call until it succeeds, within the time that is left", async () => {
  const it = setUp({});
  assert.equal(await it.run(["pool_saturated", "pool_saturated"], { timeoutMs: 10_000 }), "ok");
  assert.equal(it.attempts.length, 3);
  assert.ok(it.attempts.every((left, i) => left <= 10_000 && left < (it.attempts[i - 1] ?? 1e9)));
  assert.equal(it.retries(), 2);
});

Deno.test("CallPolicy.run() gives up after the last attempt, with its error", async () => {
  const it = setUp({});
  assert.equal(await it.run(Array(9).fill("pool_saturated")), "pool_saturated");
  assert.equal(it.attempts.length, 4);
});

Deno.test("CallPolicy.run() makes a call that may have run again only when it is idempotent", async () => {
  const once = setUp({});
  assert.equal(await once.run(["worker_crashed"]), "worker_crashed");
  const again = setUp({});
  assert.equal(await again.run(["worker_crashed"], { isIdempotent: () => true }), "ok");
});

Deno.test("CallPolicy.run() makes no further attempt when it must not, or when its code is not listed", async () => {
  const begun = setUp({});
  assert.equal(await begun.run(["pool_saturated"], { mayRepeat: () => false }), "pool_saturated");
  const other = setUp({});
  assert.equal(await other.run(["python_exception"]), "python_exception");
  assert.deepStrictEqual([begun.attempts.length, other.attempts.length], [1, 1]);
});

Deno.test("CallPolicy.run() does not pause beyond the deadline", async () => {
  const it = setUp({ baseMs: 60_000, capMs: 60_000 });
  assert.equal(await it.run(["pool_saturated"], { timeoutMs: 59_000 }), "pool_saturated");
  assert.equal(it.attempts.length, 1);
});

Deno.test("CallPolicy.run() ends its pause at once when the caller leaves", async () => {
  const it = setUp({ baseMs: 3_600_000, capMs: 3_600_000 });
  const leaving = new AbortController();
  const end = it.run(["pool_saturated"], { timeoutMs: 86_400_000, signal: leaving.signal });
  queueMicrotask(() => setTimeout(() => leaving.abort(new Error("left"))));
  assert.equal(await end, "Error: left");
  assert.equal(it.attempts.length, 1);
});

Deno.test("CallPolicy.run() ends its pause at once when the host stops, as the pool reports", async () => {
  const it = setUp({ baseMs: 3_600_000, capMs: 3_600_000 });
  const end = it.run(["pool_saturated", "shutting_down"], { timeoutMs: 86_400_000 });
  queueMicrotask(() => setTimeout(() => it.stopping.abort()));
  assert.equal(await end, "shutting_down");
});

Deno.test("CallPolicy.run() without retries lets an error pass", async () => {
  const it = setUp();
  assert.equal(await it.run(["pool_saturated"]), "pool_saturated");
  assert.equal(it.attempts.length, 1);
});

function circuit(name: string, threshold: number): Circuit {
  return new Circuit(name, {
    threshold,
    resetMs: 3_600_000,
    halfOpenCalls: 1,
    codes: ["worker_crashed"],
  });
}

Deno.test("CallPolicy.run() has each attempt counted by every circuit, and stops at the first that is open", async () => {
  const [tool, pool] = [circuit("the tool", 2), circuit("the pool", 3)];
  const it = setUp({}, [tool, pool]);
  const ends: ErrorCode[] = Array(9).fill("worker_crashed");
  assert.equal(await it.run(ends, { isIdempotent: () => true }), "circuit_open");
  assert.equal(it.attempts.length, 2);
  assert.deepStrictEqual([tool.state, pool.state], ["open", "closed"]);
  assert.deepStrictEqual([pool.info.failures, pool.info.refused, tool.info.refused], [2, 0, 1]);
});

Deno.test("CallPolicy.run() waits for a circuit to close when its code is listed", async () => {
  // A pause may take longer than the circuit is open, on a busy machine.
  using time = new FakeTime();
  const short = new Circuit("the pool", {
    threshold: 1,
    resetMs: 20,
    halfOpenCalls: 1,
    codes: ["worker_crashed"],
  });
  const it = setUp({
    attempts: 100,
    baseMs: 5,
    capMs: 5,
    codes: ["worker_crashed", "circuit_open"],
  }, [
    short,
  ]);
  const mayRepeat = (): boolean => {
    if (short.info.refused === 3) time.tick(20);
    return true;
  };
  assert.equal(await it.run(["worker_crashed"], { isIdempotent: () => true, mayRepeat }), "ok");
  assert.equal(short.state, "closed");
  assert.equal(short.info.refused, 3);
});
