import assert from "node:assert/strict";
import { CallQueue } from "../../../src/pool/calls/mod.ts";
import { Affinity } from "../../../src/pool/affinity/affinity.ts";
import { BindingTable } from "../../../src/pool/affinity/binding_table.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { endOf, FakePool } from "../../fixtures/fakes/fake_pool.ts";
import { until } from "../../fixtures/until.ts";
import { errorOf, hold, runOnce, startPool, STRICT } from "./session_pool.ts";

const LIMITS = { affinityLimit: 3, affinityTtlMs: 100 };

Deno.test("BindingTable.add() forgets the session with a hint that was used longest ago when it is full", () => {
  const table = new BindingTable(LIMITS);
  const [a] = ["a", "b", "c"].map((id, i) => table.add(id, false, i));
  assert.ok(a);
  a.usedAt = 5;
  assert.ok(table.add("d", false, 6));
  assert.deepEqual(["a", "b", "c", "d"].filter((id) => table.get(id, 6)), ["a", "c", "d"]);
});

Deno.test("BindingTable.add() never forgets strict sessions, and returns undefined instead", () => {
  const table = new BindingTable(LIMITS);
  const [a] = [table.add("a", false, 0), table.add("b", true, 0), table.add("c", true, 0)];
  assert.ok(a);
  assert.ok(table.add("d", true, 1), "a hint makes room");
  assert.equal(table.get("a", 1), undefined);
  assert.equal(table.add("e", true, 1), undefined);
  assert.equal(table.add("f", false, 1), undefined);
  assert.equal(table.size, 3);
});

Deno.test("BindingTable.harden() keeps a session from being forgotten", () => {
  const table = new BindingTable(LIMITS);
  const a = table.add("a", false, 0);
  assert.ok(a);
  table.harden(a);
  table.add("b", false, 0);
  table.add("c", false, 0);
  table.add("d", false, 1);
  assert.deepEqual(["a", "b", "c", "d"].filter((id) => table.get(id, 1)), ["a", "c", "d"]);
  table.delete(a);
  assert.equal(table.size, 2);
});

Deno.test("BindingTable forgets sessions that were not used for their time, and keeps those with calls", () => {
  const table = new BindingTable({ affinityLimit: 1_000, affinityTtlMs: 100 });
  for (let i = 0; i < 20; i++) table.add(`old-${i}`, i % 2 === 0, 0);
  const busy = table.add("busy", true, 0);
  assert.ok(busy);
  busy.inFlight = 1;
  assert.equal(table.get("old-0", 100), undefined, "its time is up");
  assert.equal(table.get("busy", 100), busy);
  table.add("x", true, 100);
  table.add("y", true, 100);
  // Each call of another session removes some.
  assert.equal(table.size, 3);
  busy.inFlight = 0;
  assert.equal(table.get("busy", 199), busy, "its time began again");
  assert.equal(table.get("busy", 200), undefined);
});

Deno.test("Affinity: a strict session beyond the limit is refused with session_quota_exceeded, and served again when one has ended", async () => {
  await using it = await startPool({ affinityLimit: 2 });
  for (const sessionId of ["a", "b"]) await runOnce(it, { ...STRICT, sessionId });
  const error = await errorOf(() => it.submit("echo", STRICT));
  assert.deepEqual([error.code, error.retryable], ["session_quota_exceeded", true]);
  assert.match(error.message, /the session s cannot be bound .* 2 others .* \(`affinityLimit`\)$/);
  assert.match(await endOf(it.submit("echo", { sessionId: "s" })), /^ok/, "a hint is no promise");
  it.pool.sessions.forget("a");
  assert.match(await endOf(it.submit("echo", STRICT)), /^ok/);
  assert.equal(it.pool.stats.refused, 1);
});

Deno.test("Affinity: a session that has made no call for affinityTtlMs has ended, and starts again", async () => {
  const clock = new FakeClock();
  await using it = await FakePool.start({ size: 2, affinityTtlMs: 1_000 }, {}, { clock });
  const worker = await runOnce(it, STRICT);
  worker.exit({ signal: "SIGKILL" });
  await until(() => it.pool.crashes.total === 1, "it has died");
  // Each refused call uses the session too.
  for (let i = 0; i < 3; i++) {
    clock.advance(900);
    assert.equal(
      (await errorOf(() => it.submit("echo", STRICT))).code,
      "session_worker_unavailable",
    );
  }
  clock.advance(1_000);
  assert.match(await endOf(it.submit("echo", STRICT)), /^ok/);
});

Deno.test("Affinity: a call of a new session that is refused leaves nothing behind", async () => {
  await using it = await startPool({ size: 1, queueLimit: 0, affinityLimit: 1 });
  const { worker, call } = await hold(it);
  for (let i = 0; i < 3; i++) {
    const sessionId = `s${i}`;
    assert.throws(() => it.submit("echo", { ...STRICT, sessionId }), { code: "pool_saturated" });
    assert.throws(() => it.submit("echo", { sessionId, affinity: "strict_fail_fast" }), {
      code: "worker_busy",
    });
  }
  worker.answer();
  await call.outcome;
  assert.match(await endOf(it.submit("echo", STRICT)), /^ok/);
});

Deno.test("Affinity.admit() returns nothing for a call without a session", () => {
  const affinity = new Affinity({ affinity: "strict_queue" }, new CallQueue());
  const request = { tool: "t", timeoutMs: 1, priority: 0, rebind: true };
  assert.equal(affinity.admit({ ...request, args: undefined as never }, 0), undefined);
  assert.equal(affinity.sessions, 0);
});
