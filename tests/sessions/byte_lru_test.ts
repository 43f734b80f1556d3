import assert from "node:assert/strict";
import { ByteLru } from "../../src/sessions/byte_lru.ts";

Deno.test("ByteLru keeps what was used last, up to its bytes", () => {
  const lru = new ByteLru<string[]>(100);
  lru.set("a", ["a"], 40);
  lru.set("b", ["b"], 40);
  assert.deepEqual(lru.get("a"), ["a"]);
  lru.set("c", ["c"], 40);
  assert.deepEqual([lru.get("a"), lru.get("b"), lru.get("c")], [["a"], undefined, ["c"]]);
  assert.deepEqual([lru.size, lru.bytes], [2, 80]);
});

Deno.test("ByteLru replaces and deletes entries, and does not keep one that is too large", () => {
  const lru = new ByteLru<string[]>(100);
  lru.set("a", ["a"], 40);
  lru.set("a", ["b"], 60);
  assert.deepEqual([lru.get("a"), lru.bytes], [["b"], 60]);
  lru.set("a", ["c"], 101);
  assert.deepEqual([lru.get("a"), lru.bytes], [undefined, 0]);
  lru.set("b", ["b"], 100);
  lru.delete("b");
  lru.delete("b");
  assert.deepEqual([lru.size, lru.bytes], [0, 0]);
});
