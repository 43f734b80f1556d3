import assert from "node:assert/strict";
import { isRecord } from "../../src/json/is_record.ts";

Deno.test("isRecord() is true for an object with named fields and for nothing else", () => {
  assert.deepEqual([{}, { a: 1 }, Object.create(null)].map(isRecord), [true, true, true]);
  assert.deepEqual(
    [null, undefined, [], [{}], "a", 1, true, () => {}].filter(isRecord),
    [],
  );
});
