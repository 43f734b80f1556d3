import assert from "node:assert/strict";
import { refuseDeadlock, timeoutOf } from "../../src/calls/nested_calls.ts";
import type { CallOptions } from "../../src/calls/mod.ts";
import type { Pool } from "../../src/pool/mod.ts";
import { type CallOrigin, ORIGIN, type Originated } from "../../src/tools/mod.ts";

interface PoolState {
  readonly size: number;
  /** The ids of the workers that take calls or run one. */
  readonly serving: readonly string[];
  /** The worker to which the session `s1` is bound. */
  readonly bound?: string;
  readonly isStrict?: boolean;
}

/** Makes the part of a pool that nested calls look at. */
function poolOf({ size, serving, bound, isStrict = true }: PoolState): Pool {
  const workerOf = (id: string): unknown =>
    id === "s1" && bound !== undefined ? { workerId: bound, isStrict } : undefined;
  return {
    name: "default",
    size,
    serving: serving.map((id) => ({ id })),
    sessions: { mode: "hint", workerOf },
    timeoutOf: () => 1_000,
  } as unknown as Pool;
}

function originOf(...workerIds: string[]): CallOrigin {
  const ancestors = workerIds.map((workerId) => ({ pool: "default", workerId }));
  return { overHttp: false, depth: 2, ancestors, deadlineAt: Infinity };
}

/** Returns the code of the refusal of a nested call, or `taken`. */
function outcome(state: PoolState, held: readonly string[], options: CallOptions = {}): string {
  try {
    refuseDeadlock(poolOf(state), "echo", { origin: originOf(...held), options });
    return "taken";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

Deno.test("refuseDeadlock() refuses a call if its ancestors hold every worker of the pool", () => {
  const two = { size: 2, serving: ["default-1", "default-2"] };
  assert.equal(outcome(two, ["default-1", "default-2"]), "call_depth_exceeded");
  assert.equal(outcome(two, ["default-1"]), "taken");
  assert.equal(outcome(two, ["default-1", "default-1"]), "taken", "one worker twice");
  assert.equal(outcome(two, []), "taken");
  assert.equal(outcome({ size: 2, serving: ["default-1"] }, ["default-1"]), "taken", "one starts");
});

Deno.test("refuseDeadlock() lets a call wait for the successor of a worker that is replaced", () => {
  const replaced = { size: 1, serving: ["default-1", "default-1"] };
  assert.equal(outcome(replaced, ["default-1"]), "taken");
});

Deno.test("refuseDeadlock() ignores workers of other pools", () => {
  const origin = { ...originOf(), ancestors: [{ pool: "other", workerId: "other-1" }] };
  const pool = poolOf({ size: 1, serving: ["default-1"] });
  refuseDeadlock(pool, "echo", { origin, options: {} });
});

Deno.test("refuseDeadlock() refuses a strict call that is bound to a worker of its ancestors", () => {
  const state = { size: 3, serving: ["default-1", "default-2", "default-3"], bound: "default-2" };
  const strict = { sessionId: "s1", affinity: "strict_queue" } as const;
  assert.equal(outcome(state, ["default-2"], strict), "call_depth_exceeded");
  assert.equal(outcome(state, ["default-1"], strict), "taken");
  assert.equal(outcome(state, ["default-2"], { ...strict, affinity: "hint" }), "taken");
  assert.equal(outcome(state, ["default-2"], { ...strict, sessionId: "s2" }), "taken");
  assert.equal(outcome({ ...state, isStrict: false }, ["default-2"], strict), "taken");
});

Deno.test("timeoutOf() takes what is left of the call around it, if that is less", () => {
  const pool = poolOf({ size: 1, serving: [] });
  assert.equal(timeoutOf(pool, "echo", {}), 1_000);
  assert.equal(timeoutOf(pool, "echo", { timeoutMs: 5 }), 5);
  const nested = (leftMs: number, options: CallOptions = {}): CallOptions & Originated => ({
    ...options,
    [ORIGIN]: { ...originOf(), deadlineAt: performance.now() + leftMs },
  });
  assert.equal(timeoutOf(pool, "echo", nested(60_000)), 1_000);
  const left = timeoutOf(pool, "echo", nested(500));
  assert.ok(left > 0 && left <= 500, `${left}`);
  assert.throws(() => timeoutOf(pool, "echo", nested(-1)), { code: "deadline_exceeded" });
});
