import assert from "node:assert/strict";
import { queueFull, type RefusingPool, stateRefusal } from "../../src/pool/refusals.ts";

function poolWith(options: Partial<RefusingPool>): RefusingPool {
  return {
    name: "p",
    state: "ready",
    reason: undefined,
    failures: 0,
    queueLimit: 2,
    heldUpBy: [],
    ...options,
  };
}

Deno.test("stateRefusal() refuses nothing while a pool starts or is ready", () => {
  for (const state of ["starting", "ready"] as const) {
    assert.equal(stateRefusal(poolWith({ state }), "add"), undefined);
    assert.equal(stateRefusal(poolWith({ state })), undefined);
  }
});

Deno.test("stateRefusal() shows the whole reason of an unhealthy pool, and to callers its first line and the rest as the cause", () => {
  const pool = poolWith({ state: "unhealthy", reason: "no module\nits traceback", failures: 3 });
  const summary = "no worker of the pool p can be started";
  const forTool = stateRefusal(pool, "add");
  assert.equal(forTool?.message, `Cannot call add: ${summary}. no module`);
  assert.equal(forTool?.summary, `Cannot call add: ${summary}`);
  assert.deepStrictEqual([forTool?.code, forTool?.retryable], ["pool_unhealthy", true]);
  assert.deepStrictEqual(forTool?.details, { pool: "p", failures: 3 });
  assert.ok(forTool?.cause instanceof Error);
  assert.equal(forTool.cause.stack, "its traceback");
  assert.equal(stateRefusal({ ...pool, reason: "no module" }, "add")?.cause, undefined);
  assert.equal(
    stateRefusal(pool)?.message,
    `Pool p cannot serve: ${summary}. no module\nits traceback`,
  );
});

Deno.test("stateRefusal() names every device that was tried if a pool waits for unhealthy ones", () => {
  const heldUpBy = [
    { deviceId: "cuda:0", remainingMs: 9_000, reason: "its workers crashed" },
    { deviceId: "cuda:1", remainingMs: 2_500, reason: "they did there, too" },
  ];
  const pool = poolWith({ state: "unhealthy", reason: "no module", heldUpBy });
  const refusal = stateRefusal(pool, "add");
  assert.deepStrictEqual([refusal?.code, refusal?.retryable], ["device_unavailable", true]);
  assert.equal(
    refusal?.message,
    "Cannot call add: all devices of the pool p are unhealthy: " +
      "cuda:0: its workers crashed; cuda:1: they did there, too",
  );
  const tried = [
    { want: "cuda:0", why: "its workers crashed" },
    { want: "cuda:1", why: "they did there, too" },
  ];
  assert.deepStrictEqual(refusal?.details, { pool: "p", tried, retryAfterMs: 2_500 });
  const isTried = { deviceId: "cuda:2", remainingMs: 0, reason: "it is being tried again" };
  const sooner = stateRefusal({ ...pool, heldUpBy: [...heldUpBy, isTried] });
  assert.match(sooner?.message ?? "", /^Pool p cannot serve: all devices of the pool p are/);
  assert.equal(sooner?.details["retryAfterMs"], undefined);
});

Deno.test("stateRefusal() names the state of a pool that stops", () => {
  for (const state of ["stopping", "stopped"] as const) {
    const refusal = stateRefusal(poolWith({ state }), "add");
    assert.deepStrictEqual([refusal?.code, refusal?.retryable], ["shutting_down", true]);
    assert.equal(refusal?.message, `Cannot call add: the pool p is ${state}`);
  }
});

Deno.test("queueFull() names the limit", () => {
  const { code, retryable, details, message } = queueFull(poolWith({}), "add");
  assert.deepStrictEqual([code, retryable], ["pool_saturated", true]);
  assert.deepStrictEqual(details, { pool: "p", queueLimit: 2 });
  assert.equal(message, "Cannot call add: all workers of the pool p are busy and 2 calls wait");
});
