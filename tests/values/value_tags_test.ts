import assert from "node:assert/strict";
import { isTagged, readTags, TAG, type TagReader } from "../../src/values/value_tags.ts";

const NAMES: TagReader = {
  int: (digits) => `int ${digits}`,
  float: (name) => `float ${name}`,
  bytes: () => "bytes",
  array: () => "array",
  object: (fields) => ({ escaped: fields }),
};

Deno.test("readTags() replaces tagged leaves anywhere in the tree and nothing else", () => {
  const rest = { a: [1, "x", null], b: { c: true } };
  const tree = { ...rest, leaves: [{ [TAG]: "bytes" }, [{ [TAG]: "int", value: "5" }]] };
  assert.deepStrictEqual(readTags(tree, NAMES), { ...rest, leaves: ["bytes", ["int 5"]] });
  assert.equal(readTags({ [TAG]: "array" }, NAMES), "array");
  assert.equal(readTags("leaf", NAMES), "leaf");
  assert.equal(readTags(null, NAMES), null);
});

Deno.test("readTags() walks into an escaped object, but does not read its fields as a tag", () => {
  const inner = { [TAG]: "int", value: { [TAG]: "float", value: "NaN" } };
  assert.deepStrictEqual(readTags({ [TAG]: "object", value: inner }, NAMES), {
    escaped: { [TAG]: "int", value: "float NaN" },
  });
});

Deno.test("isTagged() checks own fields only", () => {
  assert.ok(isTagged({ [TAG]: undefined }));
  assert.ok(!isTagged(Object.create({ [TAG]: "int" })));
  assert.ok(!isTagged([]));
});
