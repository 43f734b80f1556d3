/** Tests of the contract in src/store/session_store.ts, which every driver must pass: sessions. */
import assert from "node:assert/strict";
import { MAX_METADATA_BYTES, MAX_TTL_MS } from "../../src/store/mod.ts";
import { nextTurn } from "../fixtures/until.ts";
import type { DurableDriver, StoreDriver } from "./conformance.ts";
import { newRunId } from "./samples.ts";
import {
  allPages,
  lengthsOf,
  openAt,
  openSession,
  setAnswer,
  variable,
} from "./session_samples.ts";

const REFUSED = { name: "SnakedenError", code: "invalid_input", retryable: false };

/** Registers the tests of a driver. */
export function testSessions(driver: StoreDriver): void {
  testLives(driver);
  testUpdates(driver);
  testLists(driver);
  testExpiry(driver);
  testInput(driver);
  if (driver.durable) testLaterHosts(driver);
}

function testLives({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.open() creates a session once, and returns it afterwards`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const metadata = { user: "u1", tags: ["a"], nested: { n: null } };
    const first = await host.sessions.open("u1", { ttlMs: 5_000, metadata });
    assert.equal(first.created, true);
    const { life, ...rest } = first.session;
    assert.ok(life.length > 0);
    assert.deepEqual(rest, {
      id: "u1",
      version: 1,
      createdAt: 1_000_000,
      ttlMs: 5_000,
      expiresAt: 1_005_000,
      touchedAt: 1_000_000,
      metadata,
      boundIn: [],
    });
    host.now += 1_000;
    const again = await host.sessions.open("u1", { ttlMs: 9, metadata: { other: 1 } });
    assert.deepEqual(again, { session: first.session, created: false });
    assert.deepEqual(await host.sessions.read("u1"), first.session);
    assert.equal(await host.sessions.read("U1"), undefined);
  });

  Deno.test(`${name}: SessionStore.open() of one id by many callers at once creates one session`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const opened = await Promise.all(
      Array.from({ length: 20 }, (_, i) => host.sessions.open("s", { ttlMs: 10, metadata: { i } })),
    );
    assert.deepEqual(opened.map(({ created }) => created), opened.map((_, i) => i === 0));
    assert.equal(new Set(opened.map(({ session }) => session.life)).size, 1);
    assert.deepEqual(opened[7]?.session.metadata, { i: 0 });
    assert.equal(await host.sessions.count(), 1);
  });

  Deno.test(`${name}: SessionStore.bind() notes the pools of a session until it ends`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const { session } = await sessions.open("s", { ttlMs: 1_000, metadata: {} });
    host.now += 500;
    const binds = ["a", "b", "a", "a"].map((pool) => sessions.bind("s", pool));
    assert.deepEqual(await Promise.all(binds), [true, true, false, false]);
    assert.deepEqual(await sessions.read("s"), { ...session, boundIn: ["a", "b"] });
    assert.deepEqual((await sessions.list({ limit: 1 })).items[0]?.boundIn, ["a", "b"]);
    await sessions.touch(["s"]);
    const updated = await sessions.update("s", 1, { metadata: { a: 1 } });
    assert.deepEqual(updated?.session.boundIn, ["a", "b"]);
    assert.equal(await sessions.bind("none", "a"), undefined);
    await assert.rejects(sessions.bind("/", "a"), REFUSED);
    host.now += 1_000;
    assert.equal(await sessions.bind("s", "c"), undefined);
    const again = await sessions.open("s", { ttlMs: 10, metadata: {} });
    assert.deepEqual(again.session.boundIn, []);
  });

  Deno.test(`${name}: SessionStore.drop() ends a session with all that belongs to it`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const { session: old } = await sessions.open("s", { ttlMs: 10, metadata: { old: true } });
    await sessions.setVars("s", [variable("short"), variable("long", 200_000)]);
    await sessions.putProgram("s", { name: "p", body: 1 });
    assert.equal(await sessions.drop("s"), true);
    assert.equal(await sessions.drop("s"), false);
    assert.equal(await sessions.read("s"), undefined);
    assert.equal(await sessions.getVars("s", ["short"]), undefined);
    assert.equal(await sessions.setVars("s", [variable("short")]), undefined);
    assert.equal(await sessions.dropVars("s", [{ name: "short" }]), undefined);
    assert.equal(await sessions.listVars("s", { limit: 1 }), undefined);
    assert.equal(await sessions.position("s"), undefined);
    assert.equal(await sessions.update("s", undefined, {}), undefined);
    assert.equal(await sessions.putProgram("s", { name: "p", body: 1 }), undefined);
    assert.equal(await sessions.getProgram("s", "p"), undefined);
    assert.equal(await sessions.deleteProgram("s", "p"), false);
    assert.equal(await sessions.listPrograms("s", { limit: 1 }), undefined);
    const { session, created } = await sessions.open("s", { ttlMs: 10, metadata: {} });
    assert.deepEqual([created, session.version, session.metadata], [true, 1, {}]);
    assert.notEqual(session.life, old.life);
    assert.deepEqual(await lengthsOf(sessions, "s", ["short", "long"]), [undefined, undefined]);
    assert.equal(await sessions.getProgram("s", "p"), undefined);
    assert.equal(await sessions.count(), 1);
  });

  Deno.test(`${name}: SessionStore.drop() ends only the life and the version that are expected`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const { session: { life } } = await sessions.open("s", { ttlMs: 1_000, metadata: {} });
    await sessions.update("s", 1, {});
    assert.equal(await sessions.drop("s", { version: 1 }), "stale");
    assert.equal(await sessions.drop("s", { life, version: 0 }), "stale");
    assert.equal(await sessions.drop("s", { life: "another", version: 2 }), false);
    assert.equal(await sessions.drop("none", { version: 1 }), false);
    assert.equal((await sessions.read("s"))?.version, 2);
    // Of an update and a removal with one version, one is made.
    const [updated, dropped] = await Promise.all([
      sessions.update("s", 2, {}),
      sessions.drop("s", { life, version: 2 }),
    ]);
    assert.deepEqual([updated?.state, dropped], ["updated", "stale"]);
    assert.equal(await sessions.drop("s", { life, version: 3 }), true);
    assert.equal(await sessions.drop("s", { life, version: 3 }), false);
  });

  Deno.test(`${name}: writes of a session take effect in the order of the calls, even if nobody waits`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const options = { ttlMs: 10, metadata: {} };
    const answers = await Promise.all([
      sessions.open("s", options),
      sessions.setVars("s", [variable("v", 200_000)]),
      sessions.update("s", 1, { metadata: { a: 1 } }),
      sessions.drop("s"),
      sessions.setVars("s", [variable("v")]),
      sessions.touch(["s"]),
      sessions.open("s", options),
      sessions.setVars("s", [variable("v", 3, { expectVersion: 0 })]),
      sessions.putProgram("s", { name: "p", body: 1 }),
      sessions.deleteProgram("s", "p"),
      sessions.drop("s"),
      sessions.update("s", 1, {}),
    ]);
    assert.deepEqual(answers[1], [setAnswer(1)]);
    assert.equal(answers[2]?.state, "updated");
    assert.deepEqual(answers.slice(3, 6), [true, undefined, [undefined]]);
    assert.equal(answers[6].created, true);
    assert.deepEqual(answers[7], [setAnswer(1)]);
    assert.deepEqual(answers.slice(8), [setAnswer(1), true, true, undefined]);
    assert.equal(await sessions.read("s"), undefined);
  });

  Deno.test(`${name}: SessionStore shares no object with the caller`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const metadata = { list: [1] };
    const { session } = await host.sessions.open("s", { ttlMs: 10, metadata });
    metadata.list.push(2);
    Object.assign(session.metadata, { more: 1 });
    assert.deepEqual((await host.sessions.read("s"))?.metadata, { list: [1] });
  });
}

function testUpdates({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.update() changes the given fields, and touches the session`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { session } = await host.sessions.open("s", { ttlMs: 100, metadata: { a: 1 } });
    host.now += 50;
    const times = { touchedAt: 1_000_050, expiresAt: 1_000_150 };
    const first = { ...session, ...times, version: 2, metadata: { b: 2 } };
    assert.deepEqual(await host.sessions.update("s", 1, { metadata: { b: 2 } }), {
      state: "updated",
      session: first,
    });
    const second = { ...first, version: 3, ttlMs: 10, expiresAt: 1_000_060 };
    assert.deepEqual(await host.sessions.update("s", undefined, { ttlMs: 10 }), {
      state: "updated",
      session: second,
    });
    assert.deepEqual(await host.sessions.read("s"), second);
    assert.equal(await host.sessions.update("other", undefined, {}), undefined);
  });

  Deno.test(`${name}: SessionStore.update() with a stale version changes nothing, and returns the session`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    await openSession(host.sessions, "s");
    await host.sessions.update("s", 1, { metadata: { n: 1 } });
    const current = await host.sessions.read("s");
    for (const version of [0, 1, 3]) {
      const answer = await host.sessions.update("s", version, { metadata: { n: 2 } });
      assert.deepEqual(answer, { state: "stale", session: current });
    }
    assert.deepEqual(await host.sessions.read("s"), current);
  });

  Deno.test(`${name}: of many updates with one expected version, one is made`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    await openSession(host.sessions, "s");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => host.sessions.update("s", 1, { metadata: { n } })),
    );
    assert.equal(answers.filter((it) => it?.state === "updated").length, 1);
    const current = await host.sessions.read("s");
    for (const answer of answers) assert.deepEqual(answer?.session, current);
  });
}

function testLists({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore.list() has each session that exists throughout once, in a fixed order`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const kept = Array.from({ length: 60 }, (_, i) => `k-${(i * 37) % 60}`);
    await Promise.all([...kept, "gone-1", "l-gone"].map((id) => openSession(sessions, id)));
    const seen: string[] = [];
    let step = 0;
    const read = async (after: string | undefined): Promise<string | undefined> => {
      const page = await sessions.list({ after, limit: 7 });
      seen.push(...page.items.map(({ id }) => id));
      return page.next;
    };
    for (let after = await read(undefined); after !== undefined; after = await read(after)) {
      await openSession(sessions, `k-new-${step}`);
      await openSession(sessions, `a-new-${step++}`);
      await sessions.touch([kept[step] ?? ""]);
      await sessions.drop(step === 1 ? "gone-1" : "l-gone");
    }
    assert.deepEqual(
      seen.filter((id) => /^k-\d/.test(id)),
      (await allPages((page) => sessions.list(page), 1_000)).map(({ id }) => id)
        .filter((id) => kept.includes(id)),
    );
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.filter((id) => kept.includes(id)).length === kept.length && step > 5);
  });

  Deno.test(`${name}: SessionStore.list() and count() of a new store are empty`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    assert.deepEqual(await host.sessions.list({ limit: 10 }), { items: [] });
    assert.equal(await host.sessions.count(), 0);
    await openSession(host.sessions, "s");
    const { session } = await host.sessions.open("s", { ttlMs: 1, metadata: {} });
    assert.deepEqual(await host.sessions.list({ limit: 1 }), { items: [session] });
  });
}

function testExpiry({ name, place }: StoreDriver): void {
  Deno.test(`${name}: an expired session is gone for every caller before any sweep, and a touch renews it`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    await openSession(sessions, "s");
    await openSession(sessions, "other");
    await sessions.setVars("s", [variable("v", 200_000)]);
    await sessions.putProgram("s", { name: "p", body: 1 });
    host.now += 999;
    assert.deepEqual(await sessions.touch(["s", "none"]), [1_001_999, undefined]);
    const before = await sessions.read("s");
    assert.deepEqual([before?.touchedAt, before?.version], [1_000_999, 1]);
    host.now += 999;
    assert.equal((await sessions.read("s"))?.id, "s");
    assert.deepEqual(await lengthsOf(sessions, "s", ["v"]), [200_000]);
    host.now += 1;
    assert.equal(await sessions.read("s"), undefined);
    assert.equal(await sessions.getVars("s", ["v"]), undefined);
    assert.equal(await sessions.setVars("s", [variable("v")]), undefined);
    assert.equal(await sessions.getProgram("s", "p"), undefined);
    assert.equal(await sessions.position("s"), undefined);
    assert.deepEqual(await sessions.touch(["s"]), [undefined]);
    assert.equal(await sessions.update("s", 1, {}), undefined);
    assert.equal(await sessions.drop("other"), false);
    assert.deepEqual((await sessions.list({ limit: 10 })).items, []);
    const { created, session } = await sessions.open("s", { ttlMs: 5, metadata: {} });
    assert.deepEqual([created, session.version], [true, 1]);
    assert.notEqual(session.life, before?.life);
    assert.deepEqual(await lengthsOf(sessions, "s", ["v"]), [undefined]);
    assert.equal(await sessions.getProgram("s", "p"), undefined);
  });

  Deno.test(`${name}: SessionStore.sweep() ends expired sessions only, up to its limit, and returns their ids`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const ids = Array.from({ length: 30 }, (_, i) => `s-${i}`);
    await Promise.all(ids.map((id) => openSession(sessions, id)));
    await sessions.update("s-2", undefined, { ttlMs: 5_000 });
    await sessions.update("s-3", undefined, { ttlMs: 5_000 });
    await sessions.update("s-3", undefined, { ttlMs: 500 });
    assert.deepEqual(await sessions.sweep(100), []);
    host.now += 500;
    assert.deepEqual(await sessions.sweep(100), ["s-3"]);
    await sessions.touch(["s-0", "s-1"]);
    host.now += 500;
    assert.equal(await sessions.count(), 29);
    const ended = [await sessions.sweep(20), await sessions.sweep(20), await sessions.sweep(20)];
    assert.deepEqual(ended.map((it) => it.length), [20, 6, 0]);
    assert.deepEqual(ended.flat().sort(), ids.slice(4).sort());
    assert.equal(await sessions.count(), 3);
    host.now += 500;
    assert.deepEqual([...await sessions.sweep(20)].sort(), ["s-0", "s-1"]);
    host.now += 10_000;
    assert.deepEqual(await sessions.sweep(20), ["s-2"]);
    assert.equal(await sessions.count(), 0);
  });

  Deno.test(`${name}: SessionStore.sweep() during opens, touches and drops ends no live session`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const ids = Array.from({ length: 100 }, (_, i) => `s-${i}`);
    await Promise.all(ids.map((id) => openSession(sessions, id)));
    await sessions.touch(ids);
    host.now += 1_000;
    const opened = ids.map(async (id, i) => {
      for (let turn = 0; turn < i % 7; turn++) await nextTurn();
      await sessions.open(id, { ttlMs: 1_000, metadata: {} });
      await sessions.setVars(id, [variable("v")]);
    });
    await Promise.all([sessions.sweep(50), sessions.sweep(50), sessions.sweep(50), ...opened]);
    assert.deepEqual(await sessions.sweep(1_000), []);
    assert.equal(await sessions.count(), 100);
    for (const id of ids) assert.deepEqual(await lengthsOf(sessions, id, ["v"]), [3]);
  });

  Deno.test(`${name}: SessionStore.touch() accepts any number of sessions, in any order`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const ids = Array.from({ length: 2_500 }, (_, i) => `s-${i}`);
    await Promise.all(ids.map((id) => openSession(host.sessions, id)));
    host.now += 600;
    assert.deepEqual(await host.sessions.touch([]), []);
    const touched = await host.sessions.touch([...ids, "none", "s-0"]);
    assert.deepEqual(touched, [...ids.map(() => 1_001_600), undefined, 1_001_600]);
    host.now += 600;
    assert.deepEqual(await host.sessions.sweep(10), []);
    assert.equal((await host.sessions.read("s-2499"))?.expiresAt, 1_001_600);
  });
}

function testInput({ name, place }: StoreDriver): void {
  Deno.test(`${name}: SessionStore refuses ids, times and sizes that are not allowed`, async () => {
    await using at = await place();
    await using host = await openAt(at);
    const { sessions } = host;
    const good = { ttlMs: 1_000, metadata: {} };
    for (const id of ["", "a b", "a/b", "ä", "a\n", "a\0", "a".repeat(129), "x".repeat(10_000)]) {
      await assert.rejects(sessions.open(id, good), REFUSED);
      await assert.rejects(sessions.read(id), REFUSED);
      await assert.rejects(sessions.touch(["ok", id]), REFUSED);
      await assert.rejects(sessions.drop(id), REFUSED);
      await assert.rejects(sessions.update(id, 1, {}), REFUSED);
      await assert.rejects(sessions.setVars(id, []), REFUSED);
      await assert.rejects(sessions.getProgram(id, "p"), REFUSED);
    }
    for (const ttlMs of [0, -1, 1.5, NaN, Infinity, 1e18, MAX_TTL_MS + 1]) {
      await assert.rejects(sessions.open("s", { ...good, ttlMs }), REFUSED);
    }
    const long = { text: "é".repeat(MAX_METADATA_BYTES / 2) };
    await assert.rejects(sessions.open("s", { ...good, metadata: long }), REFUSED);
    assert.equal(await sessions.count(), 0);
    await sessions.open("s", { ttlMs: MAX_TTL_MS, metadata: { text: "é".repeat(400_000) } });
    await assert.rejects(sessions.update("s", 1, { ttlMs: 0 }), REFUSED);
    await assert.rejects(sessions.update("s", 1, { metadata: long }), REFUSED);
    const row = await sessions.read("s");
    assert.deepEqual([row?.version, row?.metadata], [1, { text: "é".repeat(400_000) }]);
    for (const limit of [0, -1, 1.5, NaN]) {
      await assert.rejects(sessions.list({ limit }), REFUSED);
      await assert.rejects(sessions.sweep(limit), REFUSED);
      await assert.rejects(sessions.listVars("s", { limit }), REFUSED);
    }
    await sessions.update("s", 1, { metadata: {} });
    assert.deepEqual((await sessions.read("s"))?.metadata, {});
    for (const id of ["a", "A", ".", "a:b", "_-", "a".repeat(128)]) await sessions.open(id, good);
    assert.equal(await sessions.count(), 7);
  });
}

function testLaterHosts({ name, place }: DurableDriver): void {
  Deno.test(`${name}: a later host has the sessions as they were, and their variables and programs`, async () => {
    await using at = await place();
    const ids = ["a", "b", "c", "long"];
    const rows = [];
    {
      await using host = await openAt(at);
      for (const id of [...ids, "gone"]) await openSession(host.sessions, id);
      await host.sessions.update("long", 1, { metadata: { text: "x".repeat(200_000) } });
      await host.sessions.setVars("a", [variable("v", 7), variable("w", 100_000)]);
      await host.sessions.putProgram("a", { name: "p", body: { x: "y".repeat(100_000) } });
      host.now += 500;
      await host.sessions.touch(["b"]);
      await host.sessions.drop("gone");
      await host.sessions.bind("c", "default");
      for (const id of ids) rows.push(await host.sessions.read(id));
    }
    await using host = await openAt(at, 1_000_900);
    const { sessions } = host;
    assert.deepEqual(await allPages((page) => sessions.list(page), 2), rows);
    assert.equal(await sessions.count(), 4);
    assert.deepEqual((await sessions.read("c"))?.boundIn, ["default"]);
    assert.deepEqual(await lengthsOf(sessions, "a", ["v", "w"]), [7, 100_000]);
    assert.deepEqual((await sessions.getProgram("a", "p"))?.body, { x: "y".repeat(100_000) });
    assert.deepEqual(await sessions.setVars("a", [variable("v", 1, { expectVersion: 1 })]), [
      setAnswer(3, 1_000_900),
    ]);
    host.now = 1_001_000;
    assert.deepEqual([...await sessions.sweep(10)].sort(), ["a", "c", "long"]);
    assert.equal((await sessions.read("b"))?.touchedAt, 1_000_500);
  });

  Deno.test(`${name}: all resolved writes of sessions survive a kill of the host right after them`, async () => {
    await using at = await place();
    await at.killHost(newRunId());
    await using store = await at.open(newRunId());
    const { sessions } = store;
    assert.deepEqual((await sessions.read("killed"))?.metadata, { a: 2 });
    const lengths = await lengthsOf(sessions, "killed", ["short", "long", "other"]);
    assert.deepEqual(lengths, [10, 300_000, 20]);
    assert.deepEqual((await sessions.getProgram("killed", "p"))?.body, [1]);
    assert.deepEqual((await sessions.getProgram(null, "g"))?.body, [2]);
    assert.equal((await sessions.position("killed"))?.seq, 3);
    assert.equal(await sessions.count(), 1);
  });
}
