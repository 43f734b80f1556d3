import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../src/async/clock.ts";
import { KvStore, type OpenOptions } from "../../src/kv/mod.ts";
import type { SessionStore } from "../../src/store/mod.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";
import { lengthsOf, variable } from "../store/session_samples.ts";
import { openStore, tamper, tempDir } from "./open_store.ts";

const FAILED = { code: "store_failed", message: /disk full/ };

/** Opens a session that does not expire during a test. */
async function openLong(sessions: SessionStore, id: string): Promise<void> {
  await sessions.open(id, { ttlMs: 1e9, metadata: {} });
}

/** Makes commits of all databases fail, until it is disposed. */
class Disk implements Disposable {
  readonly #atomic = Deno.Kv.prototype.atomic;
  readonly #began = Promise.withResolvers<void>();
  readonly #full = Promise.withResolvers<void>();

  /** Fails each commit at once. */
  fill(): void {
    Deno.Kv.prototype.atomic = () => {
      throw new Error("disk full");
    };
  }

  /** Holds the next commit until it fails by `fail`; later ones work. */
  holdNext(): { readonly began: Promise<void>; readonly fail: () => void } {
    const [atomic, began, full] = [this.#atomic, this.#began, this.#full];
    Deno.Kv.prototype.atomic = function (): Deno.AtomicOperation {
      Deno.Kv.prototype.atomic = atomic;
      const operation = atomic.call(this);
      operation.commit = async () => {
        began.resolve();
        await full.promise;
        throw new Error("disk full");
      };
      return operation;
    };
    return { began: began.promise, fail: () => full.resolve() };
  }

  /** Fails commits that remove entries of the journal, after so many of them. */
  failRemovalAfter(count: number): void {
    const atomic = this.#atomic;
    Deno.Kv.prototype.atomic = function (): Deno.AtomicOperation {
      const operation = atomic.call(this);
      const remove = operation.delete.bind(operation);
      let removes = false;
      operation.delete = (key) => {
        removes ||= key[0] === "journal";
        return remove(key);
      };
      const commit = operation.commit.bind(operation);
      operation.commit = async () => {
        if (removes && count-- <= 0) throw new Error("disk full");
        return await commit();
      };
      return operation;
    };
  }

  [Symbol.dispose](): void {
    Deno.Kv.prototype.atomic = this.#atomic;
  }
}

Deno.test("KvStore: changes that were decided on a failed commit fail with it", async () => {
  await using dir = await tempDir();
  {
    using disk = new Disk();
    await using store = await openStore(dir.path);
    const { sessions } = store;
    await openLong(sessions, "old");
    await sessions.setVars("old", [variable("v", 5)]);
    const commit = disk.holdNext();
    const opened = sessions.open("new", { ttlMs: 1e6, metadata: {} });
    await commit.began;
    // These wait for the next commit, which works.
    const first = sessions.setVars("old", [variable("v", 6)]);
    const onNew = sessions.setVars("new", [variable("v")]);
    const onOld = sessions.setVars("old", [variable("v", 7, { expectVersion: 2 })]);
    const failures = [opened, first, onNew, onOld].map((it) => assert.rejects(it, FAILED));
    commit.fail();
    await Promise.all(failures);
    assert.equal(await sessions.count(), 1);
    assert.equal(await sessions.read("new"), undefined);
    assert.deepEqual(await lengthsOf(sessions, "old", ["v"]), [5]);
    const [set] = await sessions.setVars("old", [variable("v", 8, { expectVersion: 1 })]) ?? [];
    assert.deepEqual([set?.state, set?.version], ["set", 2]);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual((await store.report()).setAside, []);
  assert.equal(await store.sessions.count(), 1);
  assert.deepEqual(await lengthsOf(store.sessions, "old", ["v"]), [8]);
});

Deno.test("KvStore: failed openings and removals do not change the number of sessions", async () => {
  await using dir = await tempDir();
  {
    using disk = new Disk();
    await using store = await openStore(dir.path);
    const { sessions } = store;
    for (const id of ["a", "b"]) await openLong(sessions, id);
    disk.fill();
    await assert.rejects(openLong(sessions, "c"), FAILED);
    await assert.rejects(sessions.drop("a"), FAILED);
    assert.equal(await sessions.count(), 2);
    disk[Symbol.dispose]();
    await sessions.drop("a");
    assert.equal(await sessions.count(), 1);
  }
  await tamper(dir.path, async (kv) => {
    assert.equal(
      new TextDecoder().decode((await kv.get<Uint8Array>(["session_count"])).value ?? undefined),
      "1",
    );
    await kv.set(["session_count"], new TextEncoder().encode("NaN"));
  });
  await using store = await openStore(dir.path);
  assert.equal(await store.sessions.count(), 1);
});

Deno.test("KvStore: a session that was set aside does not count again after a failed commit", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    for (const id of ["a", "b"]) await openLong(store.sessions, id);
  }
  await tamper(dir.path, async (kv) => void await kv.delete(["session", "a"]));
  using disk = new Disk();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  assert.equal(await sessions.read("a"), undefined);
  assert.equal(await sessions.count(), 1);
  disk.fill();
  await assert.rejects(openLong(sessions, "c"), FAILED);
  assert.equal(await sessions.count(), 1);
  disk[Symbol.dispose]();
});

Deno.test("KvStore: a failure in the background is logged once, with its code, until it is over", async () => {
  await using dir = await tempDir();
  await using log = new LogSink();
  using disk = new Disk();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  await openLong(sessions, "s");
  const times = async (): Promise<number> =>
    (await log.text()).split("cannot write the rows of sessions to their own keys (store_failed)")
      .length - 1;
  for (const wanted of [1, 2]) {
    await sessions.setVars("s", [variable("v", wanted)]);
    disk.fill();
    for (let i = 0; i < 3; i++) {
      await assert.rejects(sessions.listVars("s", { limit: 1 }), FAILED);
    }
    assert.equal(await times(), wanted);
    disk[Symbol.dispose]();
    assert.equal((await sessions.listVars("s", { limit: 1 }))?.items.length, 1);
  }
});

Deno.test("KvStore: a removal in the background that fails is logged, and the next start does it", async () => {
  await using dir = await tempDir();
  await using log = new LogSink();
  const { list } = Deno.Kv.prototype;
  try {
    await using store = await openStore(dir.path);
    await openLong(store.sessions, "s");
    await store.sessions.setVars("s", [variable("v"), variable("long", 100_000)]);
    Deno.Kv.prototype.list = () => {
      throw new Error("bad sector");
    };
    await store.sessions.drop("s");
    const text =
      /cannot remove the variables and programs of sessions that have ended \(store_failed\): bad sector/;
    await until(async () => text.test(await log.text()), "the failure in the log");
  } finally {
    Deno.Kv.prototype.list = list;
  }
  await using _store = await openStore(dir.path);
  await until(async () => {
    using kv = await Deno.openKv(KvStore.pathIn(dir.path));
    const kinds = ["variable", "chunk", "ended_life", "loose"];
    const left = await Promise.all(kinds.map((it) => Array.fromAsync(kv.list({ prefix: [it] }))));
    return left.flat().length === 0;
  }, "the rest of the session to be removed");
});

Deno.test("KvStore: an unreadable variable is set aside once, although it is still in the journal", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    const { sessions } = store;
    await openLong(sessions, "s");
    await sessions.setVars("s", [variable("long", 100_000)]);
    {
      using kv = await Deno.openKv(KvStore.pathIn(dir.path));
      for await (const { key } of kv.list({ prefix: ["chunk"] })) await kv.delete(key);
    }
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await lengthsOf(sessions, "s", ["long"]), [undefined]);
    }
    assert.equal((await store.report()).setAside.length, 1);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual((await store.sessions.listVars("s", { limit: 9 }))?.items, []);
  assert.equal((await store.report()).setAside.length, 1);
});

Deno.test("KvStore: entries of the journal without a number are set aside, and the others applied", async () => {
  await using dir = await tempDir();
  await (await openStore(dir.path))[Symbol.asyncDispose]();
  await tamper(dir.path, async (kv) => {
    await kv.set(["journal", "x", 0], new Uint8Array(9));
  });
  {
    await using store = await openStore(dir.path);
    await openLong(store.sessions, "s");
    assert.deepEqual((await store.report()).setAside.map(({ key }) => key), [[
      "journal",
      "x",
      "0",
    ]]);
  }
  await using store = await openStore(dir.path);
  assert.equal(await store.sessions.count(), 1);
});

Deno.test("KvStore: more changes than may wait in memory are all written", async () => {
  await using dir = await tempDir();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  await openLong(sessions, "s");
  const writes = Array.from({ length: 120 }, (_, i) => {
    const variables = Array.from({ length: 900 }, (_, j) => variable(`v-${i}-${j}`, 1));
    return sessions.setVars("s", variables);
  });
  const answers = await Promise.all(writes);
  assert.ok(answers.every((it) => it?.length === 900));
  assert.deepEqual(await sessions.position("s").then((it) => it?.seq), 108_000);
  assert.deepEqual(await lengthsOf(sessions, "s", ["v-0-0", "v-119-899"]), [1, 1]);
});

Deno.test("KvStore: a read does not show a variable that is written meanwhile before that is durable", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    await openLong(store.sessions, "s");
    await store.sessions.setVars("s", [variable("v", 5)]);
  }
  using disk = new Disk();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  await sessions.touch(["s"]);
  const commit = disk.holdNext();
  const { getMany } = Deno.Kv.prototype;
  let writing: Promise<unknown> | undefined;
  Deno.Kv.prototype.getMany = function (this: Deno.Kv, ...args): ReturnType<typeof getMany> {
    Deno.Kv.prototype.getMany = getMany;
    const found = getMany.apply(this, args);
    writing = sessions.setVars("s", [variable("v", 6)]);
    return found;
  } as typeof getMany;
  const reading = lengthsOf(sessions, "s", ["v"]);
  await commit.began;
  const failure = assert.rejects(writing ?? Promise.resolve(), FAILED);
  commit.fail();
  assert.deepEqual(await reading, [5]);
  await failure;
});

Deno.test("KvStore: no read shows an update of a session before it is durable", async () => {
  await using dir = await tempDir();
  using disk = new Disk();
  await using store = await openStore(dir.path);
  const { sessions } = store;
  await openLong(sessions, "s");
  const commit = disk.holdNext();
  const failure = assert.rejects(sessions.update("s", 1, { metadata: { a: 1 } }), FAILED);
  const reads: Promise<number | undefined>[] = [];
  // One in each step of the update.
  for (let i = 0; i < 30; i++) {
    reads.push(sessions.read("s").then((it) => it?.version));
    await Promise.resolve();
  }
  await commit.began;
  commit.fail();
  await failure;
  assert.deepEqual(new Set(await Promise.all(reads)), new Set([1]));
});

Deno.test("KvStore: a crash while the journal is removed leaves no half of an entry", async () => {
  await using dir = await tempDir();
  {
    using disk = new Disk();
    // Nothing is applied before the store closes.
    const timer: OpenOptions["timer"] = {
      after: (ms, ring) => ms > 1_000 ? () => {} : SYSTEM_CLOCK.after(ms, ring),
    };
    await using store = await openStore(dir.path, undefined, { timer });
    const { sessions } = store;
    await openLong(sessions, "s");
    // Three parts each, so that no number of whole entries has a round number of keys.
    for (let i = 0; i < 160; i++) {
      await sessions.setVars("s", Array.from({ length: 5 }, (_, j) => variable(`v-${j}`, 28_000)));
    }
    disk.failRemovalAfter(1);
  }
  await using store = await openStore(dir.path);
  assert.deepEqual((await store.report()).setAside, []);
  assert.deepEqual(await lengthsOf(store.sessions, "s", ["v-0", "v-4"]), [28_000, 28_000]);
});
