import fc from "fast-check";
import { snakeden } from "../../src/bridge/gen/link.js";
import { type ArrayData, type DType, NdArray, Value } from "../../src/bridge/mod.ts";
import { byteLengthOf, viewElements } from "../../src/values/nd_array.ts";

/** Every element type of the link. */
const DTYPES: readonly DType[] = [
  "|b1",
  "|i1",
  "|u1",
  "<i2",
  "<u2",
  "<i4",
  "<u4",
  "<i8",
  "<u8",
  "<f2",
  "<f4",
  "<f8",
  "<c8",
  "<c16",
];

/** The element types with a TypedArray, except Uint8Array, which is sent as bytes. */
export const TYPED_ARRAYS: readonly [DType, (bytes: ArrayBuffer) => ArrayData][] = [
  ["|i1", (it) => new Int8Array(it)],
  ["<i2", (it) => new Int16Array(it)],
  ["<u2", (it) => new Uint16Array(it)],
  ["<i4", (it) => new Int32Array(it)],
  ["<u4", (it) => new Uint32Array(it)],
  ["<i8", (it) => new BigInt64Array(it)],
  ["<u8", (it) => new BigUint64Array(it)],
  ["<f2", (it) => new Float16Array(it)],
  ["<f4", (it) => new Float32Array(it)],
  ["<f8", (it) => new Float64Array(it)],
];

/**
 * Returns a value after an encoding and a decoding by the codecs of the link, which return views
 * into one buffer.
 */
export function overTheLink(value: Value): Value {
  const { Value: codec } = snakeden.v1;
  return new Value(codec.decode(codec.encode(value.wire).finish()));
}

const key = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: "binary", maxLength: 6 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("$snakeden", "__proto__", "constructor", "length", "toJSON", "0"),
  },
);

/**
 * Returns true for a whole number that is decoded as a bigint, since it is an integer in Python.
 */
function isLargeInteger(value: number): boolean {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER && Math.abs(value) < 1e21;
}

/** Values that JSON.stringify and JSON.parse restore. */
const jsonLeaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double().filter((it) => !isLargeInteger(it)),
  fc.maxSafeInteger(),
  fc.string({ unit: "binary" }),
);

const hugeInt = fc.bigInt().filter((it) =>
  it > BigInt(Number.MAX_SAFE_INTEGER) || it < BigInt(Number.MIN_SAFE_INTEGER)
);

const shape = fc.array(fc.nat({ max: 4 }), { maxLength: 4 });

/**
 * Arrays of every type and shape, including 0-d and empty ones. Elements are random bits, except
 * NaNs whose bits differ.
 */
export const ndArray: fc.Arbitrary<NdArray> = fc.tuple(fc.constantFrom(...DTYPES), shape)
  .filter(([, lengths]) => lengths.length !== 1)
  .chain(([dtype, lengths]) => {
    const byteLength = byteLengthOf(dtype, lengths);
    return fc.uint8Array({ minLength: byteLength, maxLength: byteLength, max: 100 })
      .map((bytes) => new NdArray(dtype, lengths, viewElements(dtype, bytes)));
  });

const typedArray: fc.Arbitrary<ArrayData> = fc.tuple(
  fc.constantFrom(...TYPED_ARRAYS),
  fc.nat({ max: 5 }),
).chain(([[dtype, make], length]) => {
  const byteLength = byteLengthOf(dtype, [length]);
  return fc.uint8Array({ minLength: byteLength, maxLength: byteLength, max: 100 })
    .map((bytes) => make(bytes.slice().buffer));
});

function treeOf(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.letrec<{ tree: unknown; list: unknown[]; fields: object }>((tie) => ({
    tree: fc.oneof({ maxDepth: 5, withCrossShrink: true }, leaf, tie("list"), tie("fields")),
    list: fc.array(tie("tree"), { maxLength: 5 }),
    // Object.fromEntries creates "__proto__" like any other field.
    fields: fc.array(fc.tuple(key, tie("tree")), { maxLength: 5 }).map(Object.fromEntries),
  })).tree;
}

/** Trees of JSON values, and of numbers that JSON has no form for. */
export const jsonTree: fc.Arbitrary<unknown> = treeOf(jsonLeaf);

/**
 * Trees of all values that are restored exactly, except big integers, which HTTP gets as digits.
 */
export const httpTree: fc.Arbitrary<unknown> = treeOf(
  fc.oneof(jsonLeaf, fc.uint8Array({ maxLength: 9 }), typedArray, ndArray),
);

/** Trees of all values that are restored exactly. */
export const anyTree: fc.Arbitrary<unknown> = treeOf(
  fc.oneof(jsonLeaf, hugeInt, fc.uint8Array({ maxLength: 9 }), typedArray, ndArray),
);

/** Returns arrays with one element each, nested in `levels` levels. */
export function nested(levels: number): unknown {
  let node: unknown = 1;
  for (let i = 0; i < levels; i++) node = i % 2 === 0 ? [node] : { a: node };
  return node;
}
