import assert from "node:assert/strict";
import fc from "fast-check";
import { IdCells } from "../../src/collections/mod.ts";

/** Ids of which many share a cell. */
const id = fc.integer({ min: 1, max: 0xffff_ffff })
  .chain((it) => fc.constantFrom(it, 1, 2, 1025, 2049, 1024, 2048));

Deno.test("IdCells behaves like a Map, whatever ids share a cell", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set"), id, entry: fc.integer() }),
    fc.record({ kind: fc.constant("delete"), id, entry: fc.constant(0) }),
    fc.record({ kind: fc.constant("clear"), id, entry: fc.constant(0) }, { noNullPrototype: true }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const cells = new IdCells<number>();
    const model = new Map<number, number>();
    for (const { kind, id, entry } of steps) {
      if (kind === "set") {
        cells.set(id, entry);
        model.set(id, entry);
      } else if (kind === "delete") {
        cells.delete(id);
        model.delete(id);
      } else {
        cells.clear();
        model.clear();
      }
      for (const known of [id, 1, 2, 1025, 2049, 1024, 2048]) {
        assert.equal(cells.get(known), model.get(known));
        assert.equal(cells.has(known), model.has(known));
      }
      const order = (a: number, b: number): number => a - b;
      assert.deepEqual(cells.values().sort(order), [...model.values()].sort(order));
    }
  }));
});

Deno.test("IdCells has no entry 0, which is no id", () => {
  const cells = new IdCells<string>();
  assert.equal(cells.get(0), undefined);
  cells.delete(0);
  cells.set(1024, "a");
  assert.equal(cells.get(0), undefined);
  assert.equal(cells.get(1024), "a");
});
