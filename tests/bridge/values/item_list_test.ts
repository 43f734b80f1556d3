import assert from "node:assert/strict";
import { ItemList, Value } from "../../../src/bridge/mod.ts";

function listOf(...items: (string | Value)[]): ItemList {
  const list = new ItemList();
  for (const item of items) list.add(item);
  return list;
}

Deno.test("ItemList joins items unparsed, with a separator that no item has", () => {
  assert.equal(listOf().value.text, "[]");
  const list = listOf('{"a":1}', "no json", Value.from({ b: 2 }));
  assert.equal(list.length, 3);
  assert.equal(list.value.text, '[{"a":1},\nno json,\n{"b":2}]');
  assert.deepEqual([list.value.content.tagged, list.taggedItems], [false, []]);
  const spread = listOf('{\n"a": 1,\n"b": 2\n}', "{}").value.text;
  assert.deepEqual(spread.split(",\n").length, 2);
  assert.deepEqual(JSON.parse(spread), [{ a: 1, b: 2 }, {}]);
});

Deno.test("ItemList keeps the buffers of each item, and says which items have tags", () => {
  const [one, two, three] = [1, 2, 3].map((it) => new Uint8Array([it]));
  const list = listOf(
    "{}",
    Value.from({ one }),
    Value.from({ big: 2n ** 64n }),
    '{"plain":true}',
    Value.from({ both: [two, three] }),
  );
  assert.deepEqual(list.taggedItems, [1, 2, 4]);
  assert.deepEqual(list.itemBuffers, [1, 0, 2]);
  const { tagged, buffers } = list.value.content;
  assert.deepEqual([tagged, buffers], [true, [one, two, three]]);
});
