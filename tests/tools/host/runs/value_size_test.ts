import assert from "node:assert/strict";
import { NdArray } from "../../../../src/bridge/mod.ts";
import { sizeOf } from "../../../../src/tools/host/runs/value_size.ts";

Deno.test("sizeOf() counts texts, buffers and everything that holds them", () => {
  const text = "x".repeat(1_000);
  const bytes = new Uint8Array(1_000);
  const array = new NdArray("<f8", [5, 25], new Float64Array(125));
  for (
    const value of [
      text,
      bytes,
      bytes.buffer,
      array,
      [text],
      { a: { b: [text] } },
      { [text]: 1 },
      new Map([[text, 1]]),
      new Map([[1, text]]),
      new Set([text]),
    ]
  ) {
    const size = sizeOf(value, 10_000);
    assert.ok(size >= 1_000 && size < 1_050, `${size}`);
  }
  for (const value of [1, null, undefined, true, 2n, new Date()]) {
    assert.ok(sizeOf(value, 10_000) < 10);
  }
});

Deno.test("sizeOf() stops at the limit, also in a value that contains itself", () => {
  const circle: unknown[] = [];
  circle.push(circle, circle);
  assert.ok(sizeOf(circle, 10_000) > 10_000);
  let reads = 0;
  const counting = new Proxy(Array(1_000_000).fill("text"), {
    get: (target, key) => (reads++, Reflect.get(target, key)),
  });
  assert.ok(sizeOf(counting, 100) > 100);
  assert.ok(reads < 100, `${reads} reads`);
});
