/** The rows that lists of tools leave in the database, and the fate of damaged ones. */
import assert from "node:assert/strict";
import type { ToolListRow } from "../../src/store/mod.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { openStore, tamper, tempDir } from "./open_store.ts";

const ROW: ToolListRow = { pool: "a", code: "c".repeat(64), body: new Uint8Array(150_000) };

async function put(dataDir: string, ...rows: readonly ToolListRow[]): Promise<void> {
  await using store = await openStore(dataDir);
  for (const row of rows) await store.toolLists.put(row);
}

/** Returns the first words of all keys that a list or its body has. */
async function keysIn(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  await tamper(dataDir, async (kv) => {
    for (const first of ["tool_list", "chunk", "loose"]) {
      for await (const { key } of kv.list({ prefix: [first] })) found.push(String(key[0]));
    }
  });
  return found;
}

Deno.test("KvStore.toolLists leaves nothing of a list that was replaced or removed", async () => {
  await using dir = await tempDir();
  await put(dir.path, ROW, ROW, ROW);
  assert.deepEqual(await keysIn(dir.path), ["tool_list", "chunk", "chunk", "chunk"]);
  {
    await using store = await openStore(dir.path);
    await store.toolLists.remove(["a"]);
  }
  assert.deepEqual(await keysIn(dir.path), []);
});

for (
  const [what, change] of [
    ["half a head", (it: Uint8Array) => it.slice(0, it.length / 2)],
    ["garbage", () => Uint8Array.of(0, 255)],
    ["no bytes", () => 7],
    ["another record", () => new TextEncoder().encode('{"type":"process","v":1,"data":{}}')],
    [
      "a later version",
      (it: Uint8Array) =>
        new TextEncoder().encode(new TextDecoder().decode(it).replace('"v":1', '"v":2')),
    ],
    [
      "the head of another pool",
      (it: Uint8Array) =>
        new TextEncoder().encode(new TextDecoder().decode(it).replace('"pool":"a"', '"pool":"b"')),
    ],
  ] as const
) {
  Deno.test(`KvStore.toolLists sets ${what} aside with all its chunks, and keeps the others`, async () => {
    await using dir = await tempDir();
    await put(dir.path, ROW, { ...ROW, pool: "b" });
    await tamper(dir.path, async (kv) => {
      for await (const { key, value } of kv.list<Uint8Array>({ prefix: ["tool_list", "a"] })) {
        await kv.set(key, change(value));
      }
    });
    await using log = new LogSink();
    {
      await using store = await openStore(dir.path);
      assert.deepEqual(await store.toolLists.get("a"), undefined);
      assert.deepEqual(await store.toolLists.list(), [{ pool: "b", code: ROW.code }]);
      assert.deepEqual(await store.toolLists.get("b"), { ...ROW, pool: "b" });
      const { setAside } = await store.report();
      assert.deepEqual(setAside.map(({ key }) => key.slice(0, 2)), [["tool_list", "a"]]);
    }
    assert.match(await log.text(), /ERROR store +set aside the record tool_list\/a\//);
    assert.deepEqual(await keysIn(dir.path), ["tool_list", "chunk", "chunk", "chunk"]);
  });
}

for (const change of ["missing", "other", "shorter"] as const) {
  Deno.test(`KvStore.toolLists sets a list aside that has a chunk that is ${change}`, async () => {
    await using dir = await tempDir();
    await put(dir.path, ROW);
    await tamper(dir.path, async (kv) => {
      for await (const { key } of kv.list({ prefix: ["chunk"] })) {
        if (key[2] !== 1) continue;
        if (change === "missing") await kv.delete(key);
        else await kv.set(key, new Uint8Array(change === "other" ? 65_536 : 65_535).fill(1));
      }
    });
    await using _log = new LogSink();
    {
      await using store = await openStore(dir.path);
      assert.deepEqual(await store.toolLists.list(), [{ pool: "a", code: ROW.code }]);
      assert.deepEqual(await store.toolLists.get("a"), undefined);
      assert.equal((await store.report()).setAside.length, 1);
      await store.toolLists.put(ROW);
      assert.deepEqual(await store.toolLists.get("a"), ROW);
    }
    assert.deepEqual(await keysIn(dir.path), ["tool_list", "chunk", "chunk", "chunk"]);
  });
}
