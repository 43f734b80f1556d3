/** Tests of the lists of tools in the contract of src/store/store.ts, for every driver. */
import assert from "node:assert/strict";
import { MAX_TOOL_LIST_BYTES, type Store, type ToolListRow } from "../../src/store/mod.ts";
import type { StoreDriver } from "./conformance.ts";
import { newRunId } from "./samples.ts";

function rowOf(pool: string, { bytes = 10, code = "a" } = {}): ToolListRow {
  const body = Uint8Array.from({ length: bytes }, (_, i) => (i * 7919 + bytes) % 251);
  return { pool, code: code.repeat(64), body };
}

async function listed(store: Store): Promise<string[]> {
  const heads = await store.toolLists.list();
  return heads.map(({ pool, code }) => `${pool} ${code[0]}`).sort();
}

/** Registers the tests of a driver. */
export function testToolLists({ name, durable, place }: StoreDriver): void {
  Deno.test(`${name}: a later host reads the list of each pool that was put last`, async () => {
    await using at = await place();
    const rows = [rowOf("é🐍", { bytes: 0 }), rowOf("a", { bytes: 3_000_000 })];
    {
      await using store = await at.open(newRunId());
      const { toolLists } = store;
      await toolLists.put(rowOf("a", { bytes: 200_000, code: "b" }));
      await Promise.all([toolLists.put(rowOf("gone")), ...rows.map((it) => toolLists.put(it))]);
      await toolLists.remove(["gone", "missing"]);
    }
    await using store = await at.open(newRunId());
    assert.deepEqual(await listed(store), durable ? ["a a", "é🐍 a"] : []);
    for (const row of rows) {
      assert.deepEqual(await store.toolLists.get(row.pool), durable ? row : undefined);
    }
    assert.deepEqual(await store.toolLists.get("gone"), undefined);
    assert.deepEqual((await store.report()).setAside, []);
  });

  Deno.test(`${name}: lists of one pool are put and removed in the order of the calls`, async () => {
    await using at = await place();
    await using store = await at.open(newRunId());
    const { toolLists } = store;
    const work: Promise<void>[] = [];
    for (const [i, code] of ["a", "b", "c", "d"].entries()) {
      work.push(toolLists.put(rowOf("kept", { code, bytes: i * 70_000 })));
      work.push(toolLists.remove(["removed"]), toolLists.put(rowOf("removed", { code })));
    }
    work.push(toolLists.remove(["removed"]));
    const read = toolLists.get("kept");
    await Promise.all(work);
    assert.deepEqual(await listed(store), durable ? ["kept d"] : []);
    assert.equal((await read)?.body.byteLength, durable ? 210_000 : undefined);
  });

  Deno.test(`${name}: a list that is too long is refused, and the old one stays`, async () => {
    await using at = await place();
    await using store = await at.open(newRunId());
    await store.toolLists.put(rowOf("a"));
    const body = new Uint8Array(MAX_TOOL_LIST_BYTES + 1);
    await assert.rejects(store.toolLists.put({ ...rowOf("a", { code: "b" }), body }), {
      code: "invalid_input",
      message: "Cannot write the tools of a pool of 16777217 bytes: the limit is 16777216 bytes",
    });
    assert.deepEqual(await listed(store), durable ? ["a a"] : []);
  });

  Deno.test(`${name}: the lists of tools refuse work once the store is closed`, async () => {
    await using at = await place();
    const store = await at.open(newRunId());
    await store[Symbol.asyncDispose]();
    const { toolLists } = store;
    const work = [
      toolLists.list(),
      toolLists.get("a"),
      toolLists.put(rowOf("a")),
      toolLists.remove(["a"]),
    ];
    await Promise.all(work.map((it) => assert.rejects(it, { code: "shutting_down" })));
  });
}
