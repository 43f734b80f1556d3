import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import type { VariableChange } from "../../src/sessions/mod.ts";
import { memoryStore } from "../../src/store/mod.ts";
import { until } from "../fixtures/until.ts";
import { openSessions } from "./opened_sessions.ts";

async function take(
  changes: AsyncIterator<VariableChange>,
  count: number,
): Promise<VariableChange[]> {
  const taken: VariableChange[] = [];
  while (taken.length < count) {
    const { value, done } = await changes.next();
    assert.ok(!done, `it ended after ${taken.length} changes`);
    taken.push(value);
  }
  return taken;
}

function inShort(changes: readonly VariableChange[]): string[] {
  return changes.map(({ kind, name }) => `${kind} ${name}`);
}

Deno.test("Variables.changes() reports the changes since the call, in order", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  await variables.set("before", 1);
  const changes = variables.changes();
  await variables.setMany([{ name: "a", value: 1 }, { name: "b", value: 2 }]);
  const { version } = await variables.set("a", 3);
  await variables.delete("b");
  const found = await take(changes, 4);
  assert.deepEqual(inShort(found), ["set a", "set b", "set a", "deleted b"]);
  assert.equal(found[2]?.version, version);
  await changes.return?.();
});

Deno.test("Variables.changes() goes on after the position of a change", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  const first = variables.changes();
  for (const name of ["a", "b", "c"]) await variables.set(name, 1);
  const [seen] = await take(first, 1);
  await first.return?.();
  const rest = variables.changes({ after: seen?.position ?? "" });
  assert.deepEqual(inShort(await take(rest, 2)), ["set b", "set c"]);
  await rest.return?.();
});

Deno.test("Variables.changes() reports a reset if the position is of another session, or too old", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  const changes = variables.changes();
  await variables.set("x", 0);
  const [old] = await take(changes, 1);
  await changes.return?.();
  for (let i = 0; i < 1_000; i++) await variables.set("x", i);
  for (const after of [old?.position ?? "", "another-life.3", "another-life.999999"]) {
    const again = variables.changes({ after });
    const [reset] = await take(again, 1);
    assert.equal(reset?.kind, "reset");
    await variables.set("y", 1);
    assert.deepEqual(inShort(await take(again, 1)), ["set y"]);
    await again.return?.();
  }
});

Deno.test("Variables.changes() refuses what is no position", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  for (const after of ["", "7", "a.b", `a.${"9".repeat(20)}`, "a b.1"]) {
    assert.throws(() => variables.changes({ after }), (error) => {
      assert.ok(error instanceof SnakedenError && error.code === "invalid_input");
      assert.match(error.message, /after: given .*; allowed: the position of a change/);
      return true;
    });
  }
});

Deno.test("Variables.changes() ends with its session", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("s1");
  const changes = session.variables.changes();
  await session.variables.set("x", 1);
  await take(changes, 1);
  const next = changes.next();
  await session.delete();
  assert.equal((await next).done, true);
  await assert.rejects(session.variables.changes().next(), { code: "unknown_session" });
});

Deno.test("Variables.changes() ends when its session expires, before any sweep", async () => {
  const config = { ttlMs: 1_000, sweepMs: 3_600_000 };
  await using it = openSessions(config, { store: (now, timer) => memoryStore({ now, timer }) });
  const session = await it.sessions.open("s1");
  const timers = it.clock.pending;
  const changes = session.variables.changes();
  const next = changes.next();
  await until(() => it.clock.pending === timers + 1, "the watch");
  it.clock.advance(500);
  await session.touch();
  it.clock.advance(999);
  await session.variables.set("x", 1);
  assert.equal((await next).value?.name, "x");
  const last = changes.next();
  await session.touch();
  it.clock.advance(1_000);
  assert.equal((await last).done, true);
  assert.equal(it.clock.pending, timers);
});

Deno.test("Variables.changes() throws the reason of its signal, and return() ends a read", async () => {
  await using it = openSessions();
  const { variables } = await it.sessions.open("s1");
  const controller = new AbortController();
  const aborted = variables.changes({ signal: controller.signal });
  const waiting = aborted.next();
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  const left = variables.changes();
  const pending = left.next();
  await left.return?.();
  assert.equal((await pending).done, true);
  assert.equal((await left.next()).done, true);
});
