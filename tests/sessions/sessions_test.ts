import assert from "node:assert/strict";
import type { OpenOptions } from "../../src/sessions/mod.ts";
import { InvalidInputError, SnakedenError } from "../../src/errors.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";
import { openSessions } from "./opened_sessions.ts";

/** Asserts that a promise is rejected with this code; returns the error. */
async function refused(work: Promise<unknown>, code: string): Promise<SnakedenError> {
  let found: SnakedenError | undefined;
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, code, error.message);
    found = error;
    return true;
  });
  return found as unknown as SnakedenError;
}

Deno.test("Sessions.open() twice returns the existing session, with its own metadata and ttlMs", async () => {
  await using it = openSessions();
  const first = await it.sessions.open("u1", { ttlMs: 5_000, metadata: { plan: "free" } });
  const second = await it.sessions.open("u1", { ttlMs: 9_000, metadata: { plan: "paid" } });
  for (const session of [first, second]) {
    assert.deepEqual(session.info, {
      id: "u1",
      version: 1,
      createdAt: "2026-01-01T00:00:00.000Z",
      expiresAt: "2026-01-01T00:00:05.000Z",
      ttlMs: 5_000,
      metadata: { plan: "free" },
    });
  }
  assert.equal((await it.sessions.ensure("u1")).created, false);
  assert.equal((await it.sessions.stats()).created, 1);
});

Deno.test("Sessions.open() by many callers at once opens one session", async () => {
  await using it = openSessions({ max: 2 });
  const opened = await Promise.all(Array.from({ length: 50 }, () => it.sessions.ensure("u1")));
  assert.equal(opened.filter(({ created }) => created).length, 1);
  assert.equal((await it.sessions.stats()).open, 1);
});

Deno.test("Sessions.open() without an id or options uses an id of its own and the defaults", async () => {
  await using it = openSessions({ maxTtlMs: 6_000 });
  const [a, b] = [await it.sessions.open(), await it.sessions.open()];
  assert.notEqual(a.id, b.id);
  assert.deepEqual([a.ttlMs, a.metadata], [6_000, {}]);
});

Deno.test("Sessions refuse every bad id and name the rule", async () => {
  await using it = openSessions();
  const bad = ["", "x".repeat(129), "x".repeat(10_240), "a/b", "a b", "a\n", "\0", "ü", "a%2f", 7];
  for (const id of bad as string[]) {
    for (
      const work of [
        () => it.sessions.open(id),
        () => it.sessions.get(id),
        () => it.sessions.delete(id),
      ]
    ) {
      const { message } = await refused(work(), "invalid_input");
      assert.match(message, /id: given .*; allowed: 1 to 128 letters, digits or \. _ : -$/s);
      assert.ok(message.length < 250, message);
    }
  }
  assert.equal((await it.sessions.open("A.z_0:9-")).id, "A.z_0:9-");
});

Deno.test("Sessions refuse bad options, and name each field with its limits", async () => {
  await using it = openSessions({ maxMetadataBytes: 20 });
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const ttl = /ttlMs: given .*; allowed: a whole number of milliseconds from 1 to 2592000000 /;
  const table: [unknown, RegExp][] = [
    [{ ttlMs: 0 }, ttl],
    [{ ttlMs: -1 }, ttl],
    [{ ttlMs: 1e18 }, ttl],
    [{ ttlMs: 1.5 }, ttl],
    [{ ttlMs: NaN }, ttl],
    [{ ttlMs: "60" }, ttl],
    [{ ttl: 60 }, /ttl: there is no such option; did you mean "ttlMs"\?/],
    [{ metadata: [] }, /metadata: given an array; allowed: an object of JSON/],
    [{ metadata: "x" }, /metadata: given "x"; allowed: an object of JSON/],
    [{ metadata: null }, /metadata: given null; allowed/],
    [{ metadata: { a: "x".repeat(30) } }, /given 38 bytes of JSON; allowed: 20 bytes/],
    [{ metadata: { a: [0, 1n] } }, /metadata\.a\[1\]: given the bigint 1; allowed: values of JSON/],
    [{ metadata: { a: 10n ** 80n } }, /metadata\.a: given a bigint of 81 characters; allowed/],
    [{ metadata: circular }, /metadata\.self: given an object that holds itself; allowed/],
    [{ metadata: { toJSON: () => "x" } }, /metadata: given an object with toJSON\(\); allowed/],
    [
      { metadata: { toJSON: () => assert.fail("no") } },
      /metadata: given an object for which JSON.stringify\(\) throws: no; allowed: an object/,
    ],
    [{ ttlMs: 0, metadata: [] }, /ttlMs: .*; metadata: /],
  ];
  const session = await it.sessions.open("there");
  for (const [options, message] of table) {
    const works = [
      () => it.sessions.open("u1", options as OpenOptions),
      () => session.update(options as OpenOptions),
    ];
    for (const work of works) {
      const error = await refused(work(), "invalid_input");
      assert.ok(error instanceof InvalidInputError && error.issues.length > 0);
      assert.match(error.message, message);
    }
  }
  for (const ifVersion of [-1, 1.5, "1", null] as number[]) {
    const { message } = await refused(session.update({ ifVersion }), "invalid_input");
    assert.match(message, /ifVersion: given .*; allowed: a whole number from 0 on/);
  }
  assert.equal((await it.sessions.stats()).open, 1);
});

Deno.test("Sessions.get() returns the session and counts as use", async () => {
  await using it = openSessions();
  await it.sessions.open("u1", { ttlMs: 1_000 });
  for (let i = 0; i < 5; i++) {
    it.clock.advance(900);
    await it.sessions.get("u1");
    // The renewal is not waited for.
    await until(
      async () => (await it.sessions.get("u1")).expiresAt > new Date(it.clock.now()).toISOString(),
      "the renewal",
    );
  }
  it.clock.advance(1_000);
  const { message } = await refused(it.sessions.get("u1"), "unknown_session");
  assert.match(
    message,
    /There is no session "u1": it was never opened, has expired or was deleted/,
  );
});

Deno.test("Sessions.get() renews a session once a tenth of its time has passed, with one write", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("u1", { ttlMs: 1_000 });
  await session.variables.set("x", 1);
  const touched: string[][] = [];
  const { touch } = it.store.sessions;
  it.store.sessions.touch = (ids) => {
    touched.push([...ids]);
    return touch.call(it.store.sessions, ids);
  };
  it.clock.advance(99);
  await session.variables.get("x");
  assert.deepEqual(touched, []);
  it.clock.advance(1);
  await Promise.all(Array.from({ length: 20 }, () => session.variables.get("x")));
  await until(() => touched.length > 0, "the renewal");
  assert.deepEqual(touched, [["u1"]]);
});

Deno.test("Sessions do not return an expired session, before any sweep and with an empty cache", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("u1", { ttlMs: 1_000 });
  await session.variables.set("x", 1);
  it.clock.advance(1_000);
  await refused(it.sessions.get("u1"), "unknown_session");
  await refused(it.again().get("u1"), "unknown_session");
  await refused(session.touch(), "unknown_session");
  await refused(session.update({}), "unknown_session");
  await refused(session.delete(), "unknown_session");
  await refused(session.variables.get("x"), "unknown_session");
  await refused(session.variables.set("x", 2), "unknown_session");
  assert.deepEqual((await it.sessions.list()).items, []);
});

Deno.test("Session methods refuse a later session with the same id", async () => {
  await using it = openSessions();
  const old = await it.sessions.open("u1");
  await old.variables.set("x", 1);
  await old.delete();
  const next = await it.sessions.open("u1");
  await refused(old.variables.get("x"), "unknown_session");
  await refused(old.variables.set("x", 1), "unknown_session");
  await refused(old.touch(), "unknown_session");
  await refused(old.delete(), "unknown_session");
  await refused(next.variables.get("x"), "unknown_variable");
});

Deno.test("Session.touch() renews the session", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("u1", { ttlMs: 1_000 });
  it.clock.advance(50);
  await session.touch();
  assert.deepEqual([session.expiresAt, session.version], ["2026-01-01T00:00:01.050Z", 1]);
});

Deno.test("Session.update() changes what it names, and compares the version", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("u1", { ttlMs: 1_000, metadata: { a: 1 } });
  await session.update({ metadata: { b: 2 }, ifVersion: 1 });
  assert.deepEqual([session.version, session.metadata, session.ttlMs], [2, { b: 2 }, 1_000]);
  await session.update({ ttlMs: 9_000 });
  assert.deepEqual([session.version, session.metadata, session.ttlMs], [3, { b: 2 }, 9_000]);
  const error = await refused(session.update({ metadata: {}, ifVersion: 2 }), "version_conflict");
  assert.deepEqual(error.details, { currentVersion: 3 });
  assert.match(error.message, /Cannot change the session "u1": its version is 3/);
  assert.deepEqual((await it.sessions.get("u1")).metadata, { b: 2 });
});

Deno.test("Session.update() by many callers with one version lets one of them through", async () => {
  await using it = openSessions();
  await it.sessions.open("u1");
  const results = await Promise.allSettled(Array.from({ length: 20 }, async (_, n) => {
    const session = await it.sessions.get("u1");
    await session.update({ metadata: { n }, ifVersion: 1 });
  }));
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal((await it.sessions.get("u1")).version, 2);
});

Deno.test("Session.metadata is a copy", async () => {
  await using it = openSessions();
  const given = { list: [1] };
  const session = await it.sessions.open("u1", { metadata: given });
  given.list.push(2);
  (session.metadata["list"] as number[]).push(3);
  assert.deepEqual((await it.sessions.get("u1")).metadata, { list: [1] });
});

Deno.test("Sessions.delete() ends a session with its variables", async () => {
  await using it = openSessions();
  const session = await it.sessions.open("u1");
  await session.variables.set("x", 1);
  await it.sessions.delete("u1");
  await refused(it.sessions.delete("u1"), "unknown_session");
  await refused(session.variables.get("x"), "unknown_session");
  const again = await it.sessions.open("u1");
  await refused(again.variables.get("x"), "unknown_variable");
  assert.equal((await it.sessions.stats()).deleted, 1);
});

Deno.test("Sessions.list() pages through all sessions, and refuses bad pages", async () => {
  await using it = openSessions();
  const ids = Array.from({ length: 25 }, (_, i) => `u${i}`);
  for (const id of ids) await it.sessions.open(id);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await it.sessions.list({ limit: 10, ...(cursor === undefined ? {} : { cursor }) });
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  assert.deepEqual(seen.sort(), ids.sort());
  for (const options of [{ limit: 0 }, { limit: 1_001 }, { limit: 1.5 }, { cursor: "" }]) {
    await refused(it.sessions.list(options), "invalid_input");
  }
});

Deno.test("Sessions refuse a new one at sessions.max, and still open and update the others", async () => {
  await using it = openSessions({ max: 3 });
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) => it.sessions.open(`u${i}`)),
  );
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 3);
  assert.equal((await it.sessions.stats()).open, 3);
  const [{ id } = { id: "" }] = (await it.sessions.list()).items;
  const session = await it.sessions.open(id);
  await session.update({ metadata: { a: 1 } });
  const error = await refused(it.sessions.open("more"), "session_quota_exceeded");
  assert.deepEqual([error.retryable, error.details], [true, { limit: "sessions.max", max: 3 }]);
  await session.delete();
  assert.equal((await it.sessions.open("more")).id, "more");
});

Deno.test("Sessions open a new one at sessions.max if others have expired", async () => {
  await using it = openSessions({ max: 3 });
  for (const id of ["a", "b", "c"]) await it.sessions.open(id, { ttlMs: 1_000 });
  it.clock.advance(1_000);
  await it.sessions.open("d");
  const { open, expired } = await it.sessions.stats();
  assert.deepEqual([open, expired], [1, 3]);
});

Deno.test("Sessions warn once at 80 % of sessions.max", async () => {
  await using it = openSessions({ max: 10 });
  await using log = new LogSink();
  for (let i = 0; i < 7; i++) await it.sessions.open(`u${i}`);
  assert.doesNotMatch(await log.text(), /sessions\.max/);
  for (let i = 7; i < 10; i++) await it.sessions.open(`u${i}`);
  const lines = (await log.text()).match(/8 sessions are open; sessions\.max allows 10/g);
  assert.equal(lines?.length, 1);
  assert.equal((await log.text()).match(/sessions\.max allows/g)?.length, 1);
});

Deno.test("Sessions warn at the first use, and once, that they are in memory", async () => {
  await using it = openSessions({}, { saysSo: true });
  await using log = new LogSink();
  const text = /WARN.* sessions +sessions are in memory and end with this program/g;
  assert.doesNotMatch(await log.text(), text);
  await it.sessions.open("u1");
  await it.sessions.get("u1");
  assert.equal((await log.text()).match(text)?.length, 1);
});

Deno.test("Sessions sweep expired sessions in steps, at each interval", async () => {
  await using it = openSessions({ sweepMs: 60_000, max: 100_000 });
  const { sweep } = it.store.sessions;
  const steps: number[] = [];
  it.store.sessions.sweep = async (limit) => {
    const ids = await sweep.call(it.store.sessions, limit);
    steps.push(ids.length);
    return ids;
  };
  for (let i = 0; i < 1_200; i++) await it.sessions.open(`u${i}`, { ttlMs: 50_000 });
  await it.sessions.open("lasting");
  it.clock.advance(60_000);
  await until(() => steps.length === 3, "the sweep");
  assert.deepEqual(steps, [500, 500, 200]);
  await until(() => it.clock.pending === 1, "the next timer");
  assert.deepEqual((await it.sessions.list()).items.map(({ id }) => id), ["lasting"]);
  it.clock.advance(60_000);
  await until(() => steps.length === 4, "the next sweep");
});

Deno.test("Sessions go on to sweep after the store has failed", async () => {
  await using it = openSessions({ sweepMs: 1_000 });
  await using log = new LogSink();
  let calls = 0;
  it.store.sessions.sweep = () => {
    calls++;
    return Promise.reject(new SnakedenError("store_failed", "the disk is full"));
  };
  it.clock.advance(1_000);
  await until(
    async () => /cannot remove expired sessions: the disk is full/.test(await log.text()),
    "the log",
  );
  await until(() => it.clock.pending === 1, "the next timer");
  it.clock.advance(1_000);
  await until(() => calls === 2, "the next sweep");
});

Deno.test("Sessions[Symbol.asyncDispose]() ends the timer", async () => {
  const it = openSessions();
  await it[Symbol.asyncDispose]();
  assert.equal(it.clock.pending, 0);
});

Deno.test("Sessions report each session that was deleted, or has expired and was swept", async () => {
  await using it = openSessions({ sweepMs: 60_000 });
  for (const id of ["a", "b", "c"]) await it.sessions.open(id, { ttlMs: 50_000 });
  await it.sessions.delete("a");
  await (await it.sessions.get("b")).delete();
  await assert.rejects(it.sessions.delete("a"), { code: "unknown_session" });
  assert.deepEqual(it.ended, ["a", "b"]);
  it.clock.advance(60_000);
  await until(() => it.ended.length === 3, "the sweep");
  assert.deepEqual(it.ended, ["a", "b", "c"]);
});

Deno.test("Sessions.open() of one id by two callers at once takes one place, also the last one", async () => {
  await using it = openSessions({ max: 1 });
  const opened = await Promise.all([it.sessions.ensure("a"), it.sessions.ensure("a")]);
  assert.deepEqual(opened.map(({ created }) => created).sort(), [false, true]);
  await refused(it.sessions.open("b"), "session_quota_exceeded");
});
