import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type DType, NdArray } from "../../src/bridge/mod.ts";
import { viewElements } from "../../src/values/nd_array.ts";

Deno.test("NdArray accepts data of the size of its type and shape", () => {
  assert.deepStrictEqual(new NdArray("<f4", [2, 3], new Float32Array(6)).shape, [2, 3]);
  assert.equal(new NdArray("<f8", [], new Float64Array(1)).data.length, 1);
  assert.equal(new NdArray("<c16", [4, 0, 9], new Float64Array(0)).data.length, 0);
  assert.equal(new NdArray("<c8", [2], new Float32Array(4)).data.length, 4);
});

Deno.test("NdArray refuses data of another size and names both sizes", () => {
  assert.throws(() => new NdArray("<i4", [2, 2], new Int32Array(3)), {
    name: "RangeError",
    message: "Cannot create an array <i4 of shape [2, 2]: it takes 16 bytes, but data has 12",
  });
});

Deno.test("NdArray refuses an invalid shape and an unknown type", () => {
  const data = new Float64Array(1);
  for (const shape of [[-1, -1], [0.5, 2], [NaN], Array(33).fill(1)]) {
    assert.throws(() => new NdArray("<f8", shape, data), RangeError);
  }
  assert.throws(() => new NdArray(">f8" as DType, [1], data), /unknown dtype >f8/);
});

Deno.test("viewElements() copies only bytes that are not aligned, even of a Buffer", () => {
  const bytes = new Uint8Array(24);
  new DataView(bytes.buffer).setFloat64(8, 1.5, true);
  const aligned = viewElements("<f8", bytes.subarray(8, 16));
  assert.equal(aligned.buffer, bytes.buffer);
  bytes.copyWithin(9, 8, 16);
  for (const view of [bytes.subarray(9, 17), Buffer.from(bytes.buffer, 9, 8)]) {
    const copy = viewElements("<f8", view);
    assert.deepStrictEqual(copy, new Float64Array([1.5]));
    assert.notEqual(copy.buffer, bytes.buffer);
  }
});
