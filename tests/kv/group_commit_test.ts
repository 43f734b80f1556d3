import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import { GroupCommit, type Mutation } from "../../src/kv/group_commit.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { microtasks, until } from "../fixtures/until.ts";

const WINDOW_MS = 2;

interface SetUp extends AsyncDisposable {
  readonly kv: Deno.Kv;
  readonly clock: FakeClock;
  readonly commits: GroupCommit;
  /** The number of changes in each commit so far. */
  readonly sizes: number[];
  /** True to make the next commit fail. */
  failNext(reason: string): void;
}

/** A real database in memory. It counts commits, and can make one fail. */
async function setUp(): Promise<SetUp> {
  const kv = await Deno.openKv(":memory:");
  const clock = new FakeClock();
  const sizes: number[] = [];
  let failure: string | undefined;
  const commits = new GroupCommit({
    atomic: () => {
      const atomic = kv.atomic();
      let size = 0;
      const counted = {
        set: (key: Deno.KvKey, value: unknown): void => (size++, void atomic.set(key, value)),
        delete: (key: Deno.KvKey): void => (size++, void atomic.delete(key)),
        commit: async (): Promise<unknown> => {
          sizes.push(size);
          const reason = failure;
          failure = undefined;
          if (reason !== undefined) throw new TypeError(reason);
          return await atomic.commit();
        },
      };
      return counted as unknown as Deno.AtomicOperation;
    },
  }, { windowMs: WINDOW_MS, timer: clock });
  return {
    kv,
    clock,
    commits,
    sizes,
    failNext: (reason) => failure = reason,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await commits[Symbol.asyncDispose]();
      kv.close();
    },
  };
}

function put(...key: (string | number)[]): Mutation {
  return { type: "set", key, value: new Uint8Array([1]) };
}

/** Returns the change of a value of `bytes` bytes. */
function putBytes(bytes: number, ...key: (string | number)[]): Mutation {
  return { type: "set", key, value: new Uint8Array(bytes) };
}

async function has(kv: Deno.Kv, ...key: Deno.KvKeyPart[]): Promise<boolean> {
  return (await kv.get(key)).versionstamp !== null;
}

Deno.test("GroupCommit.commit() writes the changes of a window in one commit, and resolves when they are durable", async () => {
  await using it = await setUp();
  const all = Promise.all([1, 2, 3].map((i) => it.commits.commit([put("a", i)])));
  await microtasks();
  assert.deepEqual(it.sizes, []);
  it.clock.advance(WINDOW_MS);
  await all;
  assert.deepEqual(it.sizes, [3]);
  for (const i of [1, 2, 3]) assert.equal(await has(it.kv, "a", i), true);
  assert.equal(it.clock.pending, 0);
});

Deno.test("GroupCommit.commit() writes changes that came during a commit right after it, without a window", async () => {
  await using it = await setUp();
  const first = it.commits.commit([put("a", 1)]);
  it.clock.advance(WINDOW_MS);
  const others = [it.commits.commit([put("a", 2)]), it.commits.commit([put("a", 3)])];
  await Promise.all([first, ...others]);
  assert.deepEqual(it.sizes, [1, 2]);
});

Deno.test("GroupCommit.commit() keeps the order of changes of one key", async () => {
  await using it = await setUp();
  const key = ["row"];
  const steps: Mutation[] = [
    { type: "set", key, value: new Uint8Array([1]) },
    { type: "delete", key },
    { type: "set", key, value: new Uint8Array([2]) },
  ];
  const done = Promise.all(steps.map((step) => it.commits.commit([step])));
  it.clock.advance(WINDOW_MS);
  await done;
  assert.deepEqual((await it.kv.get(key)).value, new Uint8Array([2]));
});

Deno.test("GroupCommit.commit() fails exactly the callers of a commit that failed", async () => {
  await using it = await setUp();
  it.failNext("database or disk is full");
  const lost = [it.commits.commit([put("a", 1)]), it.commits.commit([put("a", 2), put("a", 3)])];
  it.clock.advance(WINDOW_MS);
  const kept = it.commits.commit([put("b")]);
  for (const result of await Promise.allSettled(lost)) {
    assert.equal(result.status, "rejected");
    assert.ok(result.reason instanceof SnakedenError);
    assert.equal(result.reason.code, "store_failed");
    assert.match(result.reason.message, /^Cannot write 3 changes to the store: .*disk is full$/);
  }
  await kept;
  assert.deepEqual([await has(it.kv, "a", 1), await has(it.kv, "b")], [false, true]);
});

Deno.test("GroupCommit.commit() makes all changes of a caller or none", async () => {
  await using it = await setUp();
  const big = Array.from({ length: 700 }, (_, i) => put("big", i));
  const done = [1, 2, 3].map((i) => it.commits.commit([...big, put("end", i)]));
  await Promise.all(done);
  assert.deepEqual(it.sizes, [701, 701, 701]);
});

Deno.test("GroupCommit.commit() does not wait for the window when a commit is full", async () => {
  await using it = await setUp();
  const done = Array.from({ length: 1_001 }, (_, i) => it.commits.commit([put("a", i)]));
  await Promise.all(done);
  assert.deepEqual(it.sizes, [1_000, 1]);
  assert.equal(it.clock.pending, 0);
});

Deno.test("GroupCommit.commit() stays within the limits of KV for values and keys", async () => {
  await using it = await setUp();
  // 80 KiB of keys take fewer than 1,000 changes, and 800 KiB of values even fewer. KV would refuse
  // one more.
  const keys = Array.from({ length: 900 }, (_, i) => it.commits.commit([put("k".repeat(100), i)]));
  await Promise.all(keys);
  const values = Array.from({ length: 13 }, (_, i) => it.commits.commit([putBytes(65_536, i)]));
  await Promise.all(values);
  assert.equal(it.sizes.reduce((sum, size) => sum + size), 913);
  assert.ok(it.sizes.length <= 5, `${it.sizes}`);
});

Deno.test("GroupCommit.commit() fills a commit to the last byte that KV accepts", async () => {
  await using it = await setUp();
  // 13 keys of 2 + 9 bytes, which count twice, and their values make 819,200 in all.
  const rest = 819_200 - 13 * 2 * 11 - 12 * 65_536;
  const full = Array.from({ length: 12 }, (_, i) => putBytes(65_536, "", i));
  await Promise.all([
    it.commits.commit([...full, putBytes(rest, "", 12)]),
    it.commits[Symbol.asyncDispose](),
  ]);
  assert.deepEqual(it.sizes, [13]);
});

Deno.test("GroupCommit.commit() refuses changes that KV would refuse, and fails nobody else", async () => {
  await using it = await setUp();
  const bad: [Mutation[], RegExp][] = [
    [[putBytes(65_537, "a")], /a value of 65537 bytes: the limit is 65536 bytes/],
    [[put("k".repeat(2_100))], /a key of 2102 bytes: the limit is 2048 bytes/],
    [[put("\0".repeat(1_100))], /a key of 2202 bytes/],
    [Array.from({ length: 1_001 }, (_, i) => put("a", i)), /1001 changes .* 1000 changes/],
    [
      Array.from({ length: 13 }, (_, i) => putBytes(65_536, i)),
      /13 changes of 852202 bytes .* 819200/,
    ],
  ];
  const good = it.commits.commit([put("good")]);
  for (const [mutations, message] of bad) {
    await assert.rejects(it.commits.commit(mutations), { code: "invalid_input", message });
  }
  it.clock.advance(WINDOW_MS);
  await good;
  assert.deepEqual(it.sizes, [1]);
});

Deno.test("GroupCommit.hurry() writes waiting and later changes without a window", async () => {
  await using it = await setUp();
  const waiting = it.commits.commit([put("a")]);
  it.commits.hurry();
  await waiting;
  // The same holds if nothing waited.
  it.commits.hurry();
  await it.commits.commit([put("b")]);
  assert.deepEqual(it.sizes, [1, 1]);
  assert.equal(it.clock.pending, 0);
});

Deno.test("GroupCommit[Symbol.asyncDispose]() writes waiting changes, and then refuses new ones", async () => {
  await using it = await setUp();
  const waiting = it.commits.commit([put("a")]);
  await it.commits[Symbol.asyncDispose]();
  await waiting;
  assert.equal(await has(it.kv, "a"), true);
  await assert.rejects(it.commits.commit([put("b")]), { code: "shutting_down" });
  await it.commits[Symbol.asyncDispose]();
});

Deno.test("GroupCommit[Symbol.asyncDispose]() waits for the running commit and for all waiting changes", async () => {
  await using it = await setUp();
  let done = 0;
  void it.commits.commit([put("a")]).then(() => done++);
  it.clock.advance(WINDOW_MS);
  void it.commits.commit([put("b")]).then(() => done++);
  await it.commits[Symbol.asyncDispose]();
  await until(() => done === 2, "both are told");
  assert.deepEqual(it.sizes, [1, 1]);
});

Deno.test("GroupCommit.commit() waits for its window, however much was written before", async () => {
  await using it = await setUp();
  for (let round = 0; round < 3; round++) {
    const full = it.commits.commit(Array.from({ length: 900 }, (_, i) => put("full", i)));
    it.clock.advance(WINDOW_MS);
    await full;
  }
  const two = Promise.all([it.commits.commit([put("a", 1)]), it.commits.commit([put("a", 2)])]);
  await microtasks();
  assert.deepEqual(it.sizes, [900, 900, 900]);
  it.clock.advance(WINDOW_MS);
  await two;
  assert.deepEqual(it.sizes, [900, 900, 900, 2]);
});
