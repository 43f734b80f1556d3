import assert from "node:assert/strict";
import { NdArray, Value, ValueList } from "../../../src/bridge/mod.ts";

Deno.test("ValueList.inObject() has all values, plain, tagged or encoded before", () => {
  const items = [
    1,
    { a: "ü" },
    new Uint8Array([1, 2]),
    [NaN, 2n ** 70n],
    new NdArray("<i4", [1, 2], new Int32Array([3, 4])),
    { $snakeden: "mine" },
    -0,
  ];
  const list = new ValueList();
  for (const item of items) list.add(item, {});
  for (const item of items) list.add(Value.from(item), {});
  assert.equal(list.length, 14);
  assert.ok(list.weight > 20);
  const object = list.inObject("items", { done: true });
  assert.deepEqual(object.decode(), { items: [...items, ...items], done: true });
});

Deno.test("ValueList.add() leaves nothing of a value that cannot be sent", () => {
  const list = new ValueList();
  list.add(new Uint8Array([1]), {});
  const broken = [new Uint8Array([2]), (): void => {}];
  assert.throws(() => list.add(broken, { name: "it" }), { code: "invalid_value" });
  list.add(new Uint8Array([3]), {});
  const items = [new Uint8Array([1]), new Uint8Array([3])];
  assert.deepEqual(list.inObject("items", {}).decode(), { items });
});
