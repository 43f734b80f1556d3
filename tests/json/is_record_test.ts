import assert from "node:assert/strict";
import { isRecord } from "../../src/json/is_record.ts";

Deno.test("isRecord() returns true for an object that is not an array, and for nothing else", () => {
  assert.deepEqual([{}, { a: 1 }, Object.create(null)].map(isRecord), [true, true, true]);
  assert.deepEqual(
    [null, undefined, [], [{}], "a", 1, true, () => {}].filter(isRecord),
    [],
  );
});
