import assert from "node:assert/strict";
import fc from "fast-check";
import { OpenCalls } from "../../src/bridge/open_calls.ts";

/** Ids of which many share a cell. */
const id = fc.integer({ min: 1, max: 0xffff_ffff })
  .chain((it) => fc.constantFrom(it, 1, 2, 1025, 2049, 1024, 2048));

Deno.test("OpenCalls behaves like a Map, whatever ids share a cell", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set"), id, entry: fc.integer() }),
    fc.record({ kind: fc.constant("delete"), id, entry: fc.constant(0) }),
    fc.record({ kind: fc.constant("clear"), id, entry: fc.constant(0) }, { noNullPrototype: true }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const calls = new OpenCalls<number>();
    const model = new Map<number, number>();
    for (const { kind, id, entry } of steps) {
      if (kind === "set") {
        calls.set(id, entry);
        model.set(id, entry);
      } else if (kind === "delete") {
        calls.delete(id);
        model.delete(id);
      } else {
        calls.clear();
        model.clear();
      }
      for (const known of [id, 1, 2, 1025, 2049, 1024, 2048]) {
        assert.equal(calls.get(known), model.get(known));
        assert.equal(calls.has(known), model.has(known));
      }
    }
  }));
});

Deno.test("OpenCalls has no call 0, which is no id", () => {
  const calls = new OpenCalls<string>();
  assert.equal(calls.get(0), undefined);
  calls.delete(0);
  calls.set(1024, "a");
  assert.equal(calls.get(0), undefined);
  assert.equal(calls.get(1024), "a");
});
