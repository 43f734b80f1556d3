import assert from "node:assert/strict";
import { type Change, ChangedRows } from "../../../src/kv/rows/changed_rows.ts";

const pending = Promise.resolve();

function add(rows: ChangedRows, bytes: number): Change {
  const mutation = { type: "delete", key: ["a"] } as const;
  return rows.add({ id: "a", mutation, bytes, pending });
}

Deno.test("ChangedRows: a change that is taken back leaves the durable one before it", () => {
  const rows = new ChangedRows();
  const first = add(rows, 1);
  rows.confirm(first);
  const [second, third] = [add(rows, 20), add(rows, 300)];
  assert.deepEqual([rows.get("a"), rows.durable("a"), rows.bytes], [third, first, 300]);
  rows.takeBack(second);
  rows.takeBack(third);
  assert.deepEqual([rows.get("a"), rows.durable("a"), rows.bytes], [first, first, 1]);
  rows.forget(first);
  assert.deepEqual([rows.get("a"), rows.size, rows.bytes], [undefined, 0, 0]);
});

Deno.test("ChangedRows: a change without a durable one before it goes when it is taken back", () => {
  const rows = new ChangedRows();
  rows.takeBack(add(rows, 5));
  assert.deepEqual([rows.get("a"), rows.size, rows.bytes], [undefined, 0, 0]);
});

Deno.test("ChangedRows: a change that becomes durable replaces the one before it", () => {
  const rows = new ChangedRows();
  const [first, second, third] = [add(rows, 1), add(rows, 2), add(rows, 3)];
  rows.confirm(first);
  rows.confirm(second);
  assert.equal(rows.durable("a"), second);
  assert.deepEqual([...rows.takeDurable()], ["a"]);
  // It is applied while the next one waits, which then fails.
  rows.forget(second);
  assert.equal(rows.durable("a"), undefined);
  rows.takeBack(third);
  assert.deepEqual([rows.size, rows.bytes, [...rows.takeDurable()]], [0, 0, []]);
});
