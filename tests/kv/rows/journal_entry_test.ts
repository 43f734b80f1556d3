import assert from "node:assert/strict";
import { z } from "zod";
import { decodeEntry, encodeEntry } from "../../../src/kv/rows/journal_entry.ts";
import { bytesOf, Row, type RowChange } from "../../../src/kv/rows/mod.ts";

const TYPE = { name: "text", version: 1, schema: z.object({ text: z.string() }) };

function changes(): RowChange[] {
  const long = new Uint8Array(60_000).map((_, i) => i);
  return [
    { type: "set", key: ["a", 1, "ü 😀"], value: new Row(TYPE, { text: "ü 😀 \u2028 \ud800" }) },
    { type: "delete", key: ["b"] },
    { type: "set", key: ["c"], value: Uint8Array.of(0, 10, 255) },
    { type: "set", key: ["d"], value: new Row(TYPE, { text: "" }, long) },
    { type: "set", key: ["e"], value: new Uint8Array() },
    { type: "set", key: ["f"], value: new Row(TYPE, { text: "x".repeat(20_000) }, long) },
  ];
}

Deno.test("decodeEntry() returns the changes of encodeEntry(), in parts that fit into KV", () => {
  const parts = encodeEntry(changes());
  assert.deepEqual(parts.map(({ byteLength }) => byteLength <= 65_536), [true, true, true]);
  const expected = changes().map((it) =>
    it.type === "set" ? { ...it, value: bytesOf(it.value) } : it
  );
  assert.deepEqual(decodeEntry(parts), expected);
  assert.deepEqual(decodeEntry(encodeEntry([])), []);
});

Deno.test("decodeEntry() refuses an entry of which a part is missing, too long, or damaged", () => {
  const parts = encodeEntry(changes());
  const [whole = new Uint8Array()] = encodeEntry(changes().slice(0, 3));
  const halves = Array.from({ length: whole.byteLength }, (_, i) => [whole.subarray(0, i)]);
  const damaged = whole.slice();
  damaged[12] = 255;
  const wrong = [[], parts.slice(1), parts.slice(0, -1), [...parts, whole], ...halves, [damaged]];
  for (const [i, it] of wrong.entries()) assert.throws(() => decodeEntry(it), Error, `case ${i}`);
});
