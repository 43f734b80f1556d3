import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { type AskingCall, HostMethods } from "../../../src/pool/mod.ts";
import { changeMethods } from "../../../src/sessions/methods/mod.ts";
import type { VariableChange } from "../../../src/sessions/mod.ts";
import { until } from "../../fixtures/until.ts";
import { type CountedWatches, countWatches } from "../../fixtures/counted_watches.ts";
import { openSessions } from "../opened_sessions.ts";

interface Batch {
  readonly changes: readonly VariableChange[];
  readonly after: string;
  readonly ended: boolean;
}

interface Asked extends AsyncDisposable, ReturnType<typeof openSessions> {
  readonly watches: CountedWatches;
  /** Ends the call. */
  readonly call: AbortController;
  position(): Promise<string>;
  changes(since: string, options?: { after?: string; poll?: number }): Promise<Batch>;
  leave(poll: number): Promise<unknown>;
  ask(method: string, args: unknown): Promise<unknown>;
}

async function setUp(): Promise<Asked> {
  const opened = openSessions();
  const watches = countWatches();
  await opened.sessions.open("s-1");
  const methods = new HostMethods(changeMethods(opened.sessions, opened.clock));
  const call = new AbortController();
  const asking: AskingCall = {
    callId: "c-1",
    requestId: "",
    sessionId: "s-1",
    pool: "default",
    tool: "t",
    workerId: "default-1",
    incarnation: "i1",
    depth: 0,
    remainingMs: 1_000,
    signal: call.signal,
  };
  const ask = async (method: string, args: unknown): Promise<unknown> =>
    (await methods.answer(asking, method, Value.from(args))).decode();
  return {
    ...opened,
    watches,
    call,
    ask,
    position: async () => (await ask("session.position", {}) as { position: string }).position,
    changes: (since, { after = since, poll = 1 } = {}) =>
      ask("session.changes", { since, after, poll }) as Promise<Batch>,
    leave: (poll) => ask("session.leave_changes", { poll }),
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]();
      watches[Symbol.dispose]();
    },
  };
}

function inShort({ changes }: Batch): string[] {
  return changes.map(({ kind, name }) => `${kind} ${name}`);
}

Deno.test("session.changes answers with the changes after a position, and where to go on", async () => {
  await using it = await setUp();
  const { variables } = await it.sessions.get("s-1");
  await variables.set("before", 1);
  const since = await it.position();
  await variables.setMany([{ name: "a", value: 1 }, { name: "b", value: 1 }]);
  const first = await it.changes(since);
  assert.deepEqual(inShort(first), ["set a", "set b"]);
  assert.deepEqual([first.after, first.ended], [first.changes[1]?.position, false]);
  const next = it.changes(since, first);
  await variables.delete("a");
  assert.deepEqual(inShort(await next), ["deleted a"]);
  it.call.abort();
});

Deno.test("session.changes answers at most 1000 changes at once, and none is lost between two asks", async () => {
  await using it = await setUp();
  const since = await it.position();
  await until(() => it.watches.open === 1, "the watch");
  const { variables } = await it.sessions.get("s-1");
  const names = Array.from({ length: 2_500 }, (_, i) => `v${i}`);
  for (let i = 0; i < names.length; i += 500) {
    await variables.setMany(names.slice(i, i + 500).map((name) => ({ name, value: 1 })));
  }
  const sizes: number[] = [];
  const seen: (string | undefined)[] = [];
  for (let after = since; seen.length < names.length;) {
    const batch = await it.changes(since, { after });
    sizes.push(batch.changes.length);
    seen.push(...batch.changes.map(({ name }) => name));
    after = batch.after;
  }
  assert.deepEqual([sizes, seen], [[1_000, 1_000, 500], names]);
  it.call.abort();
});

Deno.test("session.changes answers with no changes after 20 s, and when the tool leaves", async () => {
  await using it = await setUp();
  const since = await it.position();
  const late = it.changes(since);
  await until(() => it.watches.open === 2, "the watch");
  const timers = it.clock.pending;
  it.clock.advance(19_999);
  assert.equal(it.clock.pending, timers);
  it.clock.advance(1);
  assert.deepEqual(await late, { changes: [], after: since, ended: false });
  const [left, other] = [it.changes(since, { poll: 2 }), it.changes(since, { poll: 3 })];
  await it.leave(2);
  await it.leave(99);
  assert.deepEqual(await left, { changes: [], after: since, ended: false });
  const { variables } = await it.sessions.get("s-1");
  await variables.set("a", 1);
  assert.deepEqual(inShort(await other), ["set a"]);
  it.call.abort();
  await until(() => it.watches.open === 0, "all watches to end");
});

Deno.test("session.changes says that the session has ended, also if another one has its id", async () => {
  await using it = await setUp();
  const since = await it.position();
  const waiting = it.changes(since);
  await it.sessions.delete("s-1");
  const ended = { changes: [], after: since, ended: true };
  assert.deepEqual(await waiting, ended);
  assert.deepEqual(await it.changes(since), ended);
  const session = await it.sessions.open("s-1");
  await session.variables.set("a", 1);
  assert.deepEqual(await it.changes(since), ended);
  const newer = await it.position();
  assert.deepEqual(
    inShort(await it.changes(newer, { after: since })),
    ["reset undefined"],
    "the position is of another session",
  );
  it.call.abort();
});

Deno.test("session.changes is no use of the session, which expires meanwhile", async () => {
  await using it = await setUp();
  await (await it.sessions.get("s-1")).update({ ttlMs: 60_000 });
  const since = await it.position();
  const ended: boolean[] = [];
  while (ended.length < 4 && ended.at(-1) !== true) {
    const batch = it.changes(since);
    it.clock.advance(20_000);
    ended.push((await batch).ended);
  }
  assert.ok(ended.at(-1), `${ended}`);
  assert.ok(ended.length > 1, "it was there at first");
});

Deno.test("the end of a call ends its waits, and leaves no watch and no timer", async () => {
  await using it = await setUp();
  const since = await it.position();
  const waits = [it.changes(since), it.changes(since, { poll: 2 })];
  await until(() => it.watches.open === 3, "the watches");
  const timers = it.clock.pending;
  it.call.abort(new SnakedenError("cancelled", "over"));
  for (const wait of waits) await assert.rejects(wait, { code: "cancelled" });
  await until(() => it.watches.open === 0, "all watches to end");
  assert.equal(it.clock.pending, timers - 2);
  await assert.rejects(it.changes(since), { code: "cancelled" });
  await it.position();
  assert.equal(it.watches.open, 0, "a call that has ended watches nothing");
});

Deno.test("session.changes refuses arguments that no worker sends, and names the field", async () => {
  await using it = await setUp();
  const since = await it.position();
  const table: [args: unknown, message: RegExp][] = [
    [null, /since: allowed: the position/],
    [{ since }, /after: allowed: the position/],
    [{ since, after: since }, /poll: allowed: a number/],
    [{ since, after: "x", poll: 1 }, /after: given "x"; allowed/],
  ];
  for (const [args, message] of table) {
    await assert.rejects(it.ask("session.changes", args), { code: "invalid_input", message });
  }
  await assert.rejects(it.ask("session.leave_changes", {}), { message: /poll: allowed/ });
  await it.sessions.delete("s-1");
  await assert.rejects(it.position(), { code: "unknown_session" });
  it.call.abort();
});
