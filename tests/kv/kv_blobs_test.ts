import assert from "node:assert/strict";
import { SYSTEM_CLOCK } from "../../src/async/clock.ts";
import { GroupCommit, type Mutation } from "../../src/kv/group_commit.ts";
import { KvBlobs } from "../../src/kv/kv_blobs.ts";
import { KvChunks } from "../../src/kv/kv_chunks.ts";
import { Records } from "../../src/kv/records.ts";
import { AcceptedWork } from "../../src/store/mod.ts";
import { nextTurn } from "../fixtures/until.ts";
import { openStore, tamper, tempDir } from "./open_store.ts";

const CHUNK = 65_536;

function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17 + (i >> 8)) & 0xff);
}

interface Raw extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly chunks: KvChunks;
  readonly blobs: KvBlobs;
  /**
   * Called before each commit, which waits for it. If it throws, the commit fails with that error.
   */
  before: (mutations: readonly Mutation[]) => void | Promise<void>;
  count(first: string): Promise<number>;
}

/** Opens blobs over a real database whose commits can be watched and broken. */
async function raw(): Promise<Raw> {
  const kv = await Deno.openKv(":memory:");
  const commits = new GroupCommit(kv, { windowMs: 0, timer: SYSTEM_CLOCK });
  const commit = commits.commit.bind(commits);
  const chunks = new KvChunks(kv, commits);
  const it: Raw = {
    kv,
    chunks,
    blobs: new KvBlobs({
      chunks,
      commits,
      records: new Records(kv, commits),
      accepted: new AcceptedWork(),
    }),
    before: () => {},
    count: async (first) => (await Array.fromAsync(kv.list({ prefix: [first] }))).length,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await commits[Symbol.asyncDispose]();
      kv.close();
    },
  };
  commits.commit = async (mutations) => {
    await it.before(mutations);
    await commit(mutations);
  };
  return it;
}

Deno.test("KvBlobs keeps values of any length from one host to the next", async () => {
  await using dir = await tempDir();
  const lengths = [0, 1, CHUNK, CHUNK + 1, 12 * CHUNK, 25 * CHUNK + 7];
  {
    await using store = await openStore(dir.path);
    await Promise.all(lengths.map((length) => store.blobs.put(`blob-${length}`, bytes(length))));
  }
  await using store = await openStore(dir.path);
  for (const length of lengths) {
    assert.deepEqual(await store.blobs.get(`blob-${length}`), bytes(length));
  }
  assert.equal(await store.blobs.get("none"), undefined);
});

Deno.test("KvBlobs.put() and delete() leave no chunk of the old value", async () => {
  await using it = await raw();
  await it.blobs.put("a", bytes(3 * CHUNK));
  await it.blobs.put("a", bytes(CHUNK, 2));
  assert.deepEqual(await it.blobs.get("a"), bytes(CHUNK, 2));
  assert.deepEqual([await it.count("chunk"), await it.count("loose")], [1, 0]);
  await it.blobs.delete("a");
  await it.blobs.delete("a");
  assert.equal(await it.blobs.get("a"), undefined);
  for (const first of ["chunk", "loose", "blob"]) assert.equal(await it.count(first), 0);
});

Deno.test("KvBlobs.put() of one id many times at once keeps the last value, and no other chunk", async () => {
  await using it = await raw();
  await Promise.all([1, 2, 3, 4].map((seed) => it.blobs.put("a", bytes(2 * CHUNK, seed))));
  assert.deepEqual(await it.blobs.get("a"), bytes(2 * CHUNK, 4));
  assert.deepEqual([await it.count("chunk"), await it.count("loose")], [2, 0]);
});

Deno.test("KvBlobs.get() returns the old value or the new one at any time", async () => {
  await using it = await raw();
  await it.blobs.put("a", bytes(5 * CHUNK, 1));
  let seen = 0;
  const looks: Promise<void>[] = [];
  const look = async (): Promise<void> => {
    const value = await it.blobs.get("a");
    assert.ok(value !== undefined, "none");
    assert.deepEqual(value, bytes(5 * CHUNK, seedOf(value)));
    seen++;
  };
  it.before = () => void looks.push(look());
  for (const seed of [2, 3, 4]) await it.blobs.put("a", bytes(5 * CHUNK, seed));
  it.before = () => {};
  await Promise.all(looks);
  assert.ok(seen >= 9, `${seen}`);
});

function seedOf(value: Uint8Array): number {
  return [1, 2, 3, 4].find((seed) => bytes(1, seed)[0] === value[0]) ?? 0;
}

Deno.test("KvBlobs.put() that is interrupted at any commit keeps the old value, and sweep() removes the rest", async () => {
  for (let cut = 1;; cut++) {
    await using it = await raw();
    await it.blobs.put("a", bytes(2 * CHUNK, 1));
    let commits = 0;
    // From now on nothing is written, as if the host had died.
    it.before = () => {
      if (++commits >= cut) throw new Error("dead");
    };
    const failed = await it.blobs.put("a", bytes(20 * CHUNK, 2)).then(() => false, () => true);
    it.before = () => {};
    const swept = await it.chunks.sweep();
    const value = await it.blobs.get("a");
    assert.deepEqual([await it.count("loose"), await it.count("corrupt")], [0, 0]);
    // The last commit but one sets the head. The last one only cleans up.
    const isNew = value?.length === 20 * CHUNK;
    assert.deepEqual(value, isNew ? bytes(20 * CHUNK, 2) : bytes(2 * CHUNK, 1));
    assert.equal(await it.count("chunk"), isNew ? 20 : 2);
    if (!failed) {
      assert.ok(cut > 4, `${cut}`);
      break;
    }
    assert.ok(cut === 1 || swept === 1, `cut ${cut}: swept ${swept}`);
  }
});

Deno.test("KvStore.open() removes the chunks that a crash left behind", async () => {
  await using dir = await tempDir();
  {
    await using store = await openStore(dir.path);
    await store.blobs.put("whole", bytes(CHUNK + 1));
  }
  await tamper(dir.path, async (kv) => {
    await kv.set(["loose", "g"], new Uint8Array());
    for (let i = 0; i < 3; i++) await kv.set(["chunk", "g", i], bytes(CHUNK));
  });
  {
    await using store = await openStore(dir.path);
    assert.deepEqual(await store.blobs.get("whole"), bytes(CHUNK + 1));
  }
  await tamper(dir.path, async (kv) => {
    const keys = (await Array.fromAsync(kv.list({ prefix: ["chunk"] }))).map(({ key }) => key);
    assert.equal(keys.length, 2);
  });
});

/** The ways in which a blob is broken. */
const BROKEN: readonly [string, RegExp, (kv: Deno.Kv, key: Deno.KvKey) => Promise<unknown>][] = [
  ["lost a chunk", /1 of its 2 chunks/, (kv, key) => kv.delete(key)],
  ["has another byte", /not those that were written/, (kv, key) => kv.set(key, bytes(CHUNK, 9))],
  [
    "has a chunk too many",
    /not what was written/,
    (kv, key) => kv.set([...key.slice(0, 2), 9], bytes(9)),
  ],
  ["has a chunk of another kind", /not what was written/, (kv, key) => kv.set(key, "text")],
];

for (const [name, reason, breakIt] of BROKEN) {
  Deno.test(`KvBlobs.get() sets a value aside that ${name}`, async () => {
    await using it = await raw();
    await it.blobs.put("a", bytes(CHUNK + 5));
    const [first] = await Array.fromAsync(it.kv.list({ prefix: ["chunk"] }));
    assert.ok(first);
    await breakIt(it.kv, first.key);
    assert.equal(await it.blobs.get("a"), undefined);
    const [note] = await Array.fromAsync(it.kv.list({ prefix: ["corrupt"] }));
    assert.match(new TextDecoder().decode(note?.value as Uint8Array), reason);
    assert.equal(await it.blobs.get("a"), undefined);
    await it.blobs.put("a", bytes(7));
    assert.deepEqual(await it.blobs.get("a"), bytes(7));
  });
}

for (
  const [name, key, bad] of [["head", ["blob", "a"], "text"], [
    "chunk",
    [],
    bytes(CHUNK, 9),
  ]] as const
) {
  Deno.test(`KvBlobs.get() that sets aside a value with a broken ${name} keeps a value that is written meanwhile`, async () => {
    await using it = await raw();
    await it.blobs.put("a", bytes(CHUNK + 5));
    const [chunk] = await Array.fromAsync(it.kv.list({ prefix: ["chunk"] }));
    assert.ok(chunk);
    await it.kv.set(key.length === 0 ? chunk.key : [...key], bad);
    let writing: Promise<void> | undefined;
    it.before = async (mutations) => {
      if (writing !== undefined || !mutations.some(({ key: [first] }) => first === "corrupt")) {
        return;
      }
      writing = it.blobs.put("a", bytes(7));
      // Lets the write go as far as it can.
      for (let turn = 0; turn < 20; turn++) await nextTurn();
    };
    assert.equal(await it.blobs.get("a"), undefined);
    await writing;
    assert.deepEqual(await it.blobs.get("a"), bytes(7));
    assert.equal(await it.count("corrupt"), 2);
  });
}

Deno.test("KvBlobs.put() that fails removes its chunks at once", async () => {
  for (let failing = 1; failing <= 3; failing++) {
    await using it = await raw();
    await it.blobs.put("a", bytes(2 * CHUNK, 1));
    let commits = 0;
    it.before = () => {
      if (++commits === failing) throw new Error("full for a moment");
    };
    await assert.rejects(it.blobs.put("a", bytes(13 * CHUNK, 2)), /full for a moment/);
    assert.deepEqual([await it.count("loose"), await it.count("chunk")], [0, 2]);
    assert.deepEqual(await it.blobs.get("a"), bytes(2 * CHUNK, 1));
  }
});
