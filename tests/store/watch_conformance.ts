/**
 * Tests of the contract in src/store/session_store.ts, which every driver must pass: changes, and
 * the end of the store.
 */
import assert from "node:assert/strict";
import type { Change, Position, SessionStore, WatchEvent } from "../../src/store/mod.ts";
import { nextTurn } from "../fixtures/until.ts";
import type { DurableDriver, StoreDriver } from "./conformance.ts";
import { openAt, openSession, variable, watchUntil } from "./session_samples.ts";

/** Registers the tests of a driver. */
export function testWatches(driver: StoreDriver): void {
  testChanges(driver);
  testEnds(driver);
  if (driver.durable) testWatchesOfLaterHosts(driver);
}

/** Returns the events without the watcher's position. */
function changesIn(events: readonly WatchEvent[]): Change[] {
  return events.flatMap((it) => it.type === "changes" ? it.changes : []);
}

async function positionOf(sessions: SessionStore, id: string): Promise<Position> {
  const position = await sessions.position(id);
  assert.ok(position !== undefined);
  return position;
}

function testChanges({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.watch() reports each change once, in order, under many writers`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    await openSession(sessions, "other");
    const from = await positionOf(sessions, "s");
    const isEnough = (events: readonly WatchEvent[]): boolean => changesIn(events).length >= 320;
    const watching = [1, 2].map(() => watchUntil(sessions, "s", from, isEnough));
    await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 20; i++) {
        await sessions.setVars("s", [
          variable(`v-${writer}`),
          variable("stale", 1, {
            expectVersion: 1e9,
          }),
        ]);
        await sessions.setVars("other", [variable("v")]);
        await sessions.dropVars("s", [{ name: `v-${writer}` }, { name: "missing" }]);
      }
    }));
    for (const events of await Promise.all(watching)) {
      const changes = changesIn(events);
      assert.deepEqual(changes.map(({ seq }) => seq), Array.from({ length: 320 }, (_, i) => i + 1));
      for (let writer = 0; writer < 8; writer++) {
        const own = changes.filter((it) => it.name === `v-${writer}`).map(({ kind }) => kind);
        assert.deepEqual(own, Array.from({ length: 20 }, () => ["set", "dropped"]).flat());
      }
      const last = events.at(-1);
      assert.deepEqual(last?.type === "changes" && last.at, { life: from.life, seq: 320 });
    }
    assert.deepEqual(await sessions.position("s"), { life: from.life, seq: 320 });
  });

  Deno.test(`${name}: SessionStore.watch() goes on from any position that is known`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const { life } = await positionOf(sessions, "s");
    for (let i = 0; i < 50; i++) await sessions.setVars("s", [variable(`v-${i}`)]);
    for (const seq of [0, 1, 30, 49]) {
      const events = await watchUntil(
        sessions,
        "s",
        { life, seq },
        (it) => changesIn(it).length >= 50 - seq,
      );
      const expected = Array.from({ length: 50 - seq }, (_, i): Change => ({
        seq: seq + i + 1,
        name: `v-${seq + i}`,
        kind: "set",
      }));
      assert.deepEqual(changesIn(events), expected);
    }
    const watching = watchUntil(sessions, "s", { life, seq: 50 }, () => true);
    await sessions.setVars("s", [variable("late")]);
    assert.deepEqual(changesIn(await watching), [{ seq: 51, name: "late", kind: "set" }]);
  });

  Deno.test(`${name}: SessionStore.watch() tells a watcher that its position is not known`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const { life } = await positionOf(sessions, "s");
    const many = Array.from({ length: 3_000 }, (_, i) => variable(`v-${i % 10}`));
    await sessions.setVars("s", many);
    const positions = [{ life, seq: 1 }, { life, seq: 3_001 }, { life: "other", seq: 2_999 }];
    for (const from of positions) {
      const [event] = await watchUntil(sessions, "s", from, () => true);
      assert.deepEqual(event, { type: "reset", at: { life, seq: 3_000 } });
    }
    const reset = watchUntil(sessions, "s", { life, seq: 1 }, (it) => it.length === 2);
    await nextTurn();
    await sessions.setVars("s", [variable("after")]);
    assert.deepEqual((await reset)[1], {
      type: "changes",
      changes: [{ seq: 3_001, name: "after", kind: "set" }],
      at: { life, seq: 3_001 },
    });
  });
}

function testEnds({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.watch() ends with its session`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    for (const id of ["dropped", "swept", "replaced"]) await openSession(sessions, id);
    const watch = async (id: string): Promise<Promise<WatchEvent[]>[]> => [
      watchUntil(sessions, id, await positionOf(sessions, id), () => false),
    ];
    const [dropped] = await watch("dropped");
    const [swept] = await watch("swept");
    const [replaced] = await watch("replaced");
    await sessions.setVars("dropped", [variable("v")]);
    await sessions.drop("dropped");
    assert.deepEqual((await dropped)?.map(({ type }) => type), ["changes", "ended"]);
    host.now += 1_000;
    await openSession(sessions, "replaced");
    assert.deepEqual(await replaced, [{ type: "ended" }]);
    await sessions.sweep(10);
    assert.deepEqual(await swept, [{ type: "ended" }]);
    const none = { life: "x", seq: 0 };
    assert.deepEqual(await watchUntil(sessions, "none", none, () => false), [{ type: "ended" }]);
  });

  Deno.test(`${name}: SessionStore.watch() ends when its session expires, before any sweep`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    // The clock of the store stands still, so the timer looks again each 20 ms until it moves.
    await sessions.open("s", { ttlMs: 20, metadata: {} });
    const watching = watchUntil(sessions, "s", await positionOf(sessions, "s"), () => false);
    await nextTurn();
    host.now += 19;
    await sessions.touch(["s"]);
    host.now += 19;
    await sessions.setVars("s", [variable("v")]);
    host.now += 1;
    assert.deepEqual((await watching).map(({ type }) => type), ["changes", "ended"]);
    assert.equal(await sessions.count(), 1);
  });

  Deno.test(`${name}: SessionStore.watch() throws the reason of its signal`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    await openSession(host.sessions, "s");
    const from = await positionOf(host.sessions, "s");
    for (const isEarly of [true, false]) {
      const abort = new AbortController();
      const reason = new Error("enough");
      if (isEarly) abort.abort(reason);
      const watch = async (): Promise<void> => {
        for await (const _ of host.sessions.watch("s", from, abort)) assert.fail("no event");
      };
      const watching = assert.rejects(watch(), reason);
      await nextTurn();
      abort.abort(reason);
      await watching;
    }
  });

  Deno.test(`${name}: disposing ends watchers, finishes accepted writes, and refuses later ones`, async () => {
    await using at = await place();
    const host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    const from = await positionOf(sessions, "s");
    const refused = { code: "shutting_down", message: /^Cannot .*: the store is closed$/ };
    const watching = assert.rejects(watchUntil(sessions, "s", from, () => false), refused);
    await nextTurn();
    const work = Promise.all([
      sessions.open("s2", { ttlMs: 1_000, metadata: {} }),
      sessions.setVars("s", [variable("v"), variable("long", 300_000)]),
      sessions.update("s", 1, { metadata: { a: 1 } }),
      sessions.touch(["s"]),
      sessions.drop("s2"),
    ]);
    await host[Symbol.asyncDispose]();
    await watching;
    assert.equal((await work)[2]?.state, "updated");
    const late: (() => Promise<unknown>)[] = [
      () => sessions.open("s", { ttlMs: 1, metadata: {} }),
      () => sessions.read("s"),
      () => sessions.update("s", 1, {}),
      () => sessions.list({ limit: 1 }),
      () => sessions.touch(["s"]),
      () => sessions.drop("s"),
      () => sessions.sweep(1),
      () => sessions.count(),
      () => sessions.getVars("s", ["v"]),
      () => sessions.setVars("s", [variable("v")]),
      () => sessions.dropVars("s", [{ name: "v" }]),
      () => sessions.listVars("s", { limit: 1 }),
      () => sessions.position("s"),
      () => watchUntil(sessions, "s", from, () => false),
      () => sessions.putProgram(null, { name: "p", body: 1 }),
      () => sessions.getProgram(null, "p"),
      () => sessions.deleteProgram(null, "p"),
      () => sessions.listPrograms(null, { limit: 1 }),
    ];
    for (const call of late) await assert.rejects(call(), refused);
  });
}

function testWatchesOfLaterHosts({ name, place }: DurableDriver): void {
  Deno.test(`${name}: SessionStore.watch() of a later host goes on after the last change, or says that it cannot`, async () => {
    await using at = await place();
    let last: Position;
    {
      await using host = await openAt(at);
      await openSession(host.sessions, "s");
      await host.sessions.setVars("s", [variable("a"), variable("b"), variable("b")]);
      await host.sessions.dropVars("s", [{ name: "b" }]);
      last = await positionOf(host.sessions, "s");
      assert.equal(last.seq, 4);
    }
    await using host = await openAt(at);
    const { sessions } = host;
    assert.deepEqual(await sessions.position("s"), last);
    const watching = watchUntil(sessions, "s", last, () => true);
    await nextTurn();
    await sessions.setVars("s", [variable("c")]);
    assert.deepEqual(changesIn(await watching), [{ seq: 5, name: "c", kind: "set" }]);
    const [first] = await watchUntil(sessions, "s", { ...last, seq: 2 }, () => true);
    assert.ok(first !== undefined);
    // A driver may know the changes of earlier runs.
    if (first.type === "changes") assert.deepEqual(changesIn([first])[0]?.seq, 3);
    else assert.deepEqual(first, { type: "reset", at: { life: last.life, seq: 5 } });
  });
}
