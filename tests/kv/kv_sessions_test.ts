import assert from "node:assert/strict";
import { LogSink } from "../fixtures/log_sink.ts";
import { lengthsOf, openSession, variable } from "../store/session_samples.ts";
import { KvStore } from "../../src/kv/mod.ts";
import { until } from "../fixtures/until.ts";
import { openStore, tamper, tempDir } from "./open_store.ts";

/** Returns the keys in the database, each with its first two parts. */
async function keysIn(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  await tamper(dataDir, async (kv) => {
    for await (const { key } of kv.list({ prefix: [] })) found.push(key.slice(0, 2).join("/"));
  });
  return found;
}

Deno.test("KvStore: a session that ends leaves nothing in the database", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    const { sessions } = store;
    for (const id of ["a", "b"]) {
      await sessions.open(id, { ttlMs: 1e6, metadata: { text: "x".repeat(50_000) } });
      await sessions.update(id, 1, { metadata: { text: "y".repeat(60_000) } });
      const many = Array.from({ length: 700 }, (_, i) => variable(`v-${i}`));
      await sessions.setVars(id, [...many, variable("long", 200_000)]);
      await sessions.setVars(id, [
        variable("long", 100_000),
        variable("stale", 90_000, {
          expectVersion: 5,
        }),
      ]);
      await sessions.putProgram(id, { name: "p", body: "x".repeat(100_000) });
      await sessions.drop(id);
    }
    assert.equal(await sessions.setVars("a", [variable("late", 100_000)]), undefined);
  }
  // The next start removes what the end of the store has interrupted.
  for (let round = 0; round < 2; round++) {
    await using store = await openStore(dir.path);
    assert.equal(await store.sessions.count(), 0);
    await store.sessions.putProgram(null, { name: "p", body: round });
    await until(async () => {
      using kv = await Deno.openKv(KvStore.pathIn(dir.path));
      return (await Array.fromAsync(kv.list({ prefix: ["ended_life"] }))).length === 0;
    }, "the rest of the sessions to be removed");
  }
  assert.deepEqual(await keysIn(dir.path), ["opened", "program/", "session_count"]);
});

Deno.test("KvStore: unreadable parts of sessions are set aside, and affect nothing else", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    for (const id of ["a", "b", "c"]) await openSession(store.sessions, id);
    await store.sessions.setVars("c", [variable("bad"), variable("good"), variable("long", 1e5)]);
  }
  await tamper(dir.path, async (kv) => {
    await kv.set(["session", "a"], Uint8Array.of(1, 2, 3));
    await kv.delete(["session_state", "b"]);
    for await (const { key, value } of kv.list<Uint8Array>({ prefix: ["variable"] })) {
      if (key[2] === "bad") await kv.set(key, value.subarray(0, -1));
    }
    for await (const { key } of kv.list({ prefix: ["chunk"] })) await kv.delete(key);
    await kv.set(["journal", 1, 0], new TextEncoder().encode("no entry"));
  });
  await using log = new LogSink();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  assert.equal(await sessions.read("a"), undefined);
  assert.equal(await sessions.read("b"), undefined);
  assert.equal(await sessions.count(), 1);
  assert.deepEqual(await lengthsOf(sessions, "c", ["bad", "good", "long"]), [
    undefined,
    3,
    undefined,
  ]);
  assert.equal((await sessions.open("a", { ttlMs: 10, metadata: {} })).created, true);
  const { setAside } = await store.report();
  assert.deepEqual(setAside.map(({ key }) => key[0]).sort(), [
    "journal",
    "session",
    "session",
    "session_state",
    "variable",
    "variable",
  ]);
  assert.match(await log.text(), /ERROR store +set aside /);
});

Deno.test("KvStore: after a failed write of a session, the earlier state holds, and writes work again", async () => {
  await using dir = await tempDir();
  const atomic = Deno.Kv.prototype.atomic;
  await using store = await openStore(dir.path);
  const { sessions } = store;
  await openSession(sessions, "s");
  await sessions.setVars("s", [variable("v", 5)]);
  try {
    Deno.Kv.prototype.atomic = () => {
      throw new Error("disk full");
    };
    const failed = { code: "store_failed", retryable: true, message: /disk full/ };
    const writes = [
      sessions.setVars("s", [variable("v", 6)]),
      sessions.update("s", 1, { metadata: { a: 1 } }),
      sessions.open("new", { ttlMs: 10, metadata: {} }),
      sessions.drop("s"),
    ];
    await Promise.all(writes.map((write) => assert.rejects(write, failed)));
  } finally {
    Deno.Kv.prototype.atomic = atomic;
  }
  assert.deepEqual(await lengthsOf(sessions, "s", ["v"]), [5]);
  const row = await sessions.read("s");
  assert.deepEqual([row?.version, row?.metadata], [1, {}]);
  assert.equal(await sessions.read("new"), undefined);
  const [answer] = await sessions.setVars("s", [variable("v", 7, { expectVersion: 1 })]) ?? [];
  assert.deepEqual([answer?.state, answer?.version], ["set", 2]);
  assert.deepEqual(await lengthsOf(sessions, "s", ["v"]), [7]);
});

Deno.test("KvStore: a long value that the same call replaces leaves no chunks", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    await store.sessions.open("s", { ttlMs: 1e9, metadata: {} });
    const twice = [variable("v", 100_000), variable("v", 90_000), variable("w", 80_000)];
    assert.equal((await store.sessions.setVars("s", twice))?.length, 3);
    await store.sessions.dropVars("s", [{ name: "w" }]);
    assert.deepEqual(await lengthsOf(store.sessions, "s", ["v", "w"]), [90_000, undefined]);
  }
  const chunks = (await keysIn(dir.path)).filter((it) => it.startsWith("chunk/"));
  assert.equal(new Set(chunks).size, 1);
});

Deno.test("KvStore: a damaged variable is set aside once by many readers, and not what replaces it", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    await store.sessions.open("s", { ttlMs: 1e9, metadata: {} });
    await store.sessions.setVars("s", [variable("v"), variable("w")]);
  }
  await tamper(dir.path, async (kv) => {
    for await (const { key, value } of kv.list<Uint8Array>({ prefix: ["variable"] })) {
      await kv.set(key, value.subarray(0, -1));
    }
  });
  {
    await using store = await openStore(dir.path);
    const { sessions } = store;
    const lists = Array.from({ length: 3 }, () => sessions.listVars("s", { limit: 9 }));
    const reads = Array.from({ length: 9 }, () => lengthsOf(sessions, "s", ["v", "w"]));
    const written = sessions.setVars("s", [variable("v", 7)]);
    await Promise.all<unknown>([...lists, ...reads, written]);
    // This writes all rows to their own keys.
    assert.equal((await sessions.listVars("s", { limit: 9 }))?.items.length, 1);
    const { setAside } = await store.report();
    assert.deepEqual(setAside.map(({ key }) => key.at(-1)).sort().slice(-1), ["w"]);
    assert.ok(setAside.length <= 2, `${setAside.length} were set aside`);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual(await lengthsOf(store.sessions, "s", ["v", "w"]), [7, undefined]);
});
