import fc from "fast-check";
import assert from "node:assert/strict";
import { isUnserializable, NdArray, Value } from "../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../src/errors.ts";
import { anyTree, httpTree, ndArray, nested, overTheLink, TYPED_ARRAYS } from "../trees.ts";

function roundTrip(value: unknown): unknown {
  return overTheLink(Value.from(value)).decode();
}

function isInvalidValue(error: unknown): boolean {
  return error instanceof SnakedenError && error.code === "invalid_value";
}

/** Returns a value as a worker might send it. */
function fromPython(tree: unknown, buffers: Uint8Array[] = []): Value {
  return new Value({ json: new TextEncoder().encode(JSON.stringify(tree)), tagged: true, buffers });
}

Deno.test("Value.decode() restores the argument of Value.from(), for any tree", () => {
  fc.assert(fc.property(anyTree, (tree) => {
    assert.deepStrictEqual(roundTrip(tree), tree);
  }));
});

Deno.test("Value.fromJsonTree() reads what Value.jsonText() writes, for any tree", () => {
  fc.assert(fc.property(httpTree, (tree) => {
    const text = overTheLink(Value.from(tree)).jsonText();
    const back = overTheLink(Value.fromJsonTree(JSON.parse(text)));
    assert.deepStrictEqual(back.decode(), tree);
    assert.equal(back.jsonText(), text);
  }));
});

Deno.test("Value keeps an NdArray of any type and shape", () => {
  fc.assert(fc.property(ndArray, (array) => {
    const back = roundTrip(array);
    assert.ok(back instanceof NdArray);
    assert.deepStrictEqual({ ...back }, { ...array });
  }));
});

Deno.test("Value.decode() returns one-dimensional arrays as TypedArrays, wherever their bytes are in the frame", () => {
  for (const [dtype, make] of TYPED_ARRAYS) {
    for (let padding = 0; padding < 16; padding++) {
      const array = make(Uint8Array.from({ length: 16 }, (_, i) => i).buffer);
      const value = overTheLink(Value.from({ pad: "x".repeat(padding), array }));
      assert.deepStrictEqual(value.decode(), { pad: "x".repeat(padding), array }, dtype);
    }
  }
});

Deno.test("Value.decode() returns one-dimensional arrays without a TypedArray as NdArrays", () => {
  for (const dtype of ["|b1", "<c8", "<c16"] as const) {
    const back = fromPython({ $snakeden: "array", dtype, shape: [0], buffer: 0 }, [
      new Uint8Array(),
    ]).decode();
    assert.ok(back instanceof NdArray);
    assert.deepStrictEqual(back.shape, [0]);
  }
});

Deno.test("Value.decode() returns bytes as a plain Uint8Array, not as a Buffer", () => {
  const back = roundTrip(new Uint8Array([1, 2]));
  assert.equal(Object.getPrototypeOf(back), Uint8Array.prototype);
});

Deno.test("Value.from() sends a Uint8Array as bytes and a Uint8ClampedArray as an array of u1", () => {
  const { wire } = Value.from([new Uint8Array(1), new Uint8ClampedArray(2)]);
  assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(wire.json)), [
    { $snakeden: "bytes", buffer: 0 },
    { $snakeden: "array", dtype: "|u1", shape: [2], buffer: 1 },
  ]);
});

Deno.test("Value.from() sends only the part of a buffer that a view shows", () => {
  const { buffer } = new Uint8Array([9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9]);
  const values = [
    new Uint8Array(buffer, 4, 3),
    new DataView(buffer, 5, 2),
    new Int32Array(buffer, 4, 1),
  ];
  assert.deepStrictEqual(roundTrip(values), [
    new Uint8Array([1, 2, 3]),
    new Uint8Array([2, 3]),
    new Int32Array([0x04030201]),
  ]);
});

Deno.test("Value.from() sends ArrayBuffer and SharedArrayBuffer as bytes", () => {
  const shared = new SharedArrayBuffer(2);
  new Uint8Array(shared).set([5, 6]);
  assert.deepStrictEqual(roundTrip([new Uint8Array([7]).buffer, shared]), [
    new Uint8Array([7]),
    new Uint8Array([5, 6]),
  ]);
});

Deno.test("Value.from() turns a small bigint into a number and keeps a big one", () => {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  const big = 10n ** 400n;
  assert.deepStrictEqual(
    roundTrip([1n, limit, -limit, limit + 1n, -limit - 1n, big]),
    [1, Number(limit), -Number(limit), limit + 1n, -limit - 1n, big],
  );
});

Deno.test("Value.jsonText() writes big integers as plain digits", () => {
  const text = Value.from({ n: [2n ** 64n, -(2n ** 64n)] }).jsonText();
  assert.equal(text, '{"n":[18446744073709551616,-18446744073709551616]}');
});

Deno.test("Value.jsonText() returns an untagged text unchanged", () => {
  const json = new TextEncoder().encode('{"a": 1.0}');
  assert.equal(new Value({ json }).jsonText(), '{"a": 1.0}');
});

Deno.test("Value without any field is null", () => {
  assert.equal(new Value({}).decode(), null);
  assert.equal(new Value({}).jsonText(), "null");
});

Deno.test("Value.weight is JSON plus buffers plus 64", () => {
  assert.equal(Value.from("ab").weight, 4 + 64);
  const { wire, weight } = Value.from(new Uint8Array(1000));
  assert.equal(weight, wire.json.byteLength + 1000 + 64);
});

Deno.test("Value accepts trees of up to 200 levels", () => {
  for (const levels of [199, 200]) {
    assert.deepStrictEqual(roundTrip(nested(levels)), nested(levels));
    const withBigInt = JSON.parse(
      JSON.stringify(nested(levels)).replace("1", '"x"'),
      (_, it) => it === "x" ? 2n ** 70n : it,
    );
    assert.deepStrictEqual(roundTrip(withBigInt), withBigInt);
  }
  assert.throws(() => Value.from(nested(201)), /nested deeper than 200 levels/);
  assert.throws(() => Value.fromJsonTree(nested(201)), isInvalidValue);
  assert.throws(() => Value.from(nested(4), { maxDepth: 3 }), /nested deeper than 3 levels/);
});

Deno.test("Value.from() stops at a cycle by the depth limit", () => {
  const loop: Record<string, unknown> = {};
  loop.self = [loop, loop];
  assert.throws(() => Value.from(loop), /nested deeper than 200 levels/);
  const map = new Map<string, unknown>();
  map.set("self", map);
  assert.throws(() => Value.from(map), isInvalidValue);
  const echo = { toJSON: (): unknown => echo };
  assert.throws(() => Value.from(echo), isInvalidValue);
});

Deno.test("Value.fromJsonTree() limits the depth inside of escaped objects and markers too", () => {
  let escaped: unknown = 1;
  for (let i = 0; i < 300; i++) escaped = { $snakeden: "object", value: { a: escaped } };
  assert.throws(() => Value.fromJsonTree(escaped), isInvalidValue);
  const marker = { $snakeden: "unserializable", type: "a.B", more: nested(5_000) };
  assert.deepStrictEqual(Value.fromJsonTree(marker).decode(), {
    $snakeden: "unserializable",
    type: "a.B",
  });
});

Deno.test("Value escapes an object of the user that has the key of the tags", () => {
  for (const tag of ["int", "bytes", "object", "unserializable", "nonsense", 5, null]) {
    const mine = { $snakeden: tag, value: "1", deep: [{ $snakeden: { $snakeden: tag } }] };
    assert.deepStrictEqual(roundTrip(mine), mine);
  }
});

Deno.test("Value keeps the marker of an unserializable value", () => {
  const marker = { $snakeden: "unserializable", type: "_io.TextIOWrapper" };
  const decoded = fromPython([marker]).decode() as unknown[];
  assert.deepStrictEqual(decoded, [marker]);
  assert.ok(isUnserializable(decoded[0]));
  assert.ok(!isUnserializable({ $snakeden: "int", value: "1" }));
  assert.ok(!isUnserializable(null));
  assert.equal(fromPython(marker).jsonText(), JSON.stringify(marker));
});

Deno.test("Value reads -0, NaN and the infinities from their tags", () => {
  for (const name of ["NaN", "Infinity", "-Infinity", "-0"]) {
    assert.ok(Object.is(fromPython({ $snakeden: "float", value: name }).decode(), Number(name)));
  }
  const json = new TextEncoder().encode("-0.0");
  assert.ok(Object.is(new Value({ json }).decode(), -0));
});

Deno.test("Value refuses malformed tags from Python with invalid_value", async (t) => {
  const bytes = [new Uint8Array(8), new Uint8Array(3)];
  const array = { $snakeden: "array", dtype: "<f8", shape: [1], buffer: 0 };
  const malformed: Record<string, unknown> = {
    "an int of letters": { $snakeden: "int", value: "abc" },
    "an int of nothing": { $snakeden: "int", value: "" },
    "an int with a leading zero": { $snakeden: "int", value: "007" },
    "a hexadecimal int": { $snakeden: "int", value: "0x10" },
    "an int that is a number": { $snakeden: "int", value: 5 },
    "an int without value": { $snakeden: "int" },
    "JSON in an int": { $snakeden: "int", value: '"x"' },
    "a float of letters": { $snakeden: "float", value: "abc" },
    "a float of digits": { $snakeden: "float", value: "1.5" },
    "a float without value": { $snakeden: "float" },
    "bytes beyond the buffers": { $snakeden: "bytes", buffer: 2 },
    "bytes before the buffers": { $snakeden: "bytes", buffer: -1 },
    "bytes between buffers": { $snakeden: "bytes", buffer: 0.5 },
    "bytes of null": { $snakeden: "bytes", buffer: null },
    "bytes of a text": { $snakeden: "bytes", buffer: "0" },
    "bytes of a method": { $snakeden: "bytes", buffer: "length" },
    "an array of the wrong length": { ...array, shape: [2] },
    "an array of an odd length": { ...array, buffer: 1 },
    "an array of an unknown type": { ...array, dtype: "<f16" },
    "an array of an inherited type": { ...array, dtype: "constructor" },
    "an array of a big-endian type": { ...array, dtype: ">f8" },
    "an array without a type": { ...array, dtype: undefined },
    "an array without a shape": { ...array, shape: undefined },
    "an array of negative shape": { ...array, shape: [-1, -1] },
    "an array of a shape of texts": { ...array, shape: ["1"] },
    "an array of a broken shape": { ...array, shape: [0.5, 2] },
    "an array of rank 33": { ...array, shape: Array(33).fill(1) },
    "an array without a buffer": { ...array, buffer: undefined },
    "an escape of null": { $snakeden: "object", value: null },
    "an escape of a text": { $snakeden: "object", value: "abc" },
    "an escape of a list": { $snakeden: "object", value: [1] },
    "an escape of nothing": { $snakeden: "object" },
    "an unknown tag": { $snakeden: "pickle", value: "gASV" },
    "a tag that is an object": { $snakeden: { a: 1 } },
    "a tag that is null": { $snakeden: null },
    "a marker without a type": { $snakeden: "unserializable" },
  };
  for (const [name, tree] of Object.entries(malformed)) {
    await t.step(name, () => {
      for (const place of [tree, [tree], { a: { b: tree } }]) {
        assert.throws(() => fromPython(place, bytes).decode(), isInvalidValue);
        assert.throws(() => fromPython(place, bytes).jsonText(), isInvalidValue);
      }
    });
  }
});

Deno.test("Value.decode() refuses text that is not JSON with invalid_value", () => {
  for (const text of ["", "{", "NaN", "[1,]"]) {
    const json = new TextEncoder().encode(text);
    assert.throws(() => new Value({ json }).decode(), isInvalidValue);
    assert.throws(() => new Value({ json, tagged: true }).jsonText(), isInvalidValue);
  }
});

Deno.test("Value keeps error texts short, whatever is in the tag", () => {
  const tree = { $snakeden: "int", value: "x".repeat(1_000_000) };
  assert.throws(() => fromPython(tree).decode(), (error: Error) => error.message.length < 400);
});

Deno.test("Value throws only invalid_value for hostile tags", () => {
  const field = fc.oneof(
    fc.constantFrom<unknown>("NaN", "12", "<f8", "|b1", 0, 1, -1, null, [], [1], [2, 1], {}),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const leaf = fc.record({
    $snakeden: fc.constantFrom("int", "float", "bytes", "array", "object", "unserializable", "x"),
    value: field,
    buffer: field,
    dtype: field,
    shape: field,
    type: field,
    base64: field,
  }, { requiredKeys: ["$snakeden"] });
  fc.assert(
    fc.property(leaf, (tree) => {
      const value = fromPython([tree], [new Uint8Array(8)]);
      for (
        const read of [
          () => value.decode(),
          () => value.jsonText(),
          () => Value.fromJsonTree([tree]).decode(),
        ]
      ) {
        try {
          read();
        } catch (error) {
          assert.ok(isInvalidValue(error), String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("Value.jsonText() keeps the sign of zero beside a tag", () => {
  const json = new TextEncoder().encode('[-0.0,{"$snakeden":"int","value":"9007199254740993"}]');
  assert.equal(new Value({ json, tagged: true }).jsonText(), "[-0.0,9007199254740993]");
});

Deno.test("Value.jsonText() writes whole numbers as Python did, with and without tags beside them", () => {
  const numbers = "[1.0,-0.0,1e16,1.152921504606847e18,1e300,9007199254740991,0.1]";
  const tag = '{"$snakeden":"int","value":"9007199254740993"}';
  const json = new TextEncoder().encode(`[${numbers},${tag}]`);
  assert.equal(new Value({ json, tagged: true }).jsonText(), `[${numbers},9007199254740993]`);
});

Deno.test("Value.from() refuses a Promise and mentions the missing await", () => {
  assert.throws(() => Value.from({ a: Promise.resolve(1) }), /value\.a: a Promise .* await/);
});

Deno.test("Value.decode() returns bytes and arrays in memory of their own", () => {
  const frame = new Uint8Array(64);
  const bytes = fromPython({ $snakeden: "bytes", buffer: 0 }, [frame.subarray(8, 16)]).decode();
  assert.ok(bytes instanceof Uint8Array);
  const tag = { $snakeden: "array", dtype: "<f8", shape: [2], buffer: 0 };
  const array = fromPython(tag, [frame.subarray(16, 32)]).decode();
  assert.ok(array instanceof Float64Array);
  // The caller may transfer them to a worker thread, which must not see the bytes beside them.
  const buffers = [bytes.buffer, array.buffer].filter((it) => it instanceof ArrayBuffer);
  structuredClone([bytes, array], { transfer: buffers });
  assert.deepStrictEqual([bytes.byteLength, array.length, frame.byteLength], [0, 0, 64]);
});

Deno.test("Value.withBytes() adds buffers to an object without copying them", () => {
  const [one, two] = [new Uint8Array([1]), new Uint8Array([2])];
  const fields = new Map<string, Uint8Array | Uint8Array[]>([["a\n", one], ["list", [one, two]]]);
  const sent = Value.from({ b: 1n, own: two }).withBytes(fields);
  assert.deepEqual(sent.decode(), { "a\n": one, list: [one, two], b: 1, own: two });
  assert.equal(sent.content.buffers[1], one);
  assert.deepEqual(Value.from({}).withBytes(new Map([["a", one]])).decode(), { a: one });
  const fromWire = new Value({ json: new TextEncoder().encode('{"x":"ü"}') });
  assert.deepEqual(fromWire.withBytes(new Map([["a", one]])).decode(), { a: one, x: "ü" });
  assert.deepEqual(Value.from({}).withBytes(new Map([["a", []]])).decode(), { a: [] });
});

Deno.test("Value.withDefaults() adds the fields that an object does not have", () => {
  const defaults = new Value({ json: new TextEncoder().encode(' { "a": 1, "b": [1.0] } ') });
  const bytes = new Uint8Array([1]);
  const table: [own: object, all: object][] = [
    [{}, { a: 1, b: [1] }],
    [{ b: null }, { a: 1, b: null }],
    [{ c: bytes, a: { b: 2n ** 70n } }, { a: { b: 2n ** 70n }, b: [1], c: bytes }],
  ];
  for (const [own, all] of table) {
    assert.deepEqual(Value.from(own).withDefaults(defaults).decode(), all);
  }
  assert.deepEqual(Value.from({ x: bytes }).withDefaults(Value.from({ n: NaN })).decode(), {
    n: NaN,
    x: bytes,
  });
  const plain = Value.from({ a: 1 });
  assert.equal(plain.withDefaults(Value.from({})), plain);
  assert.match(Value.from({}).withDefaults(defaults).jsonText(), /\[1\.0\]/);
  for (
    const [own, others] of [[plain, Value.from({ $snakeden: 1 })], [
      Value.from({ $snakeden: 1 }),
      plain,
    ]] as const
  ) {
    assert.throws(() => own.withDefaults(others), { code: "invalid_value" });
  }
});

Deno.test("Value.raw is the bytes of a value that is nothing else", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  assert.deepEqual(Value.from(bytes).raw, { bytes });
  const array = Value.from(new NdArray("<i2", [2, 1], new Int16Array([1, 2]))).raw;
  assert.deepEqual([array?.dtype, array?.shape, array?.bytes.byteLength], ["<i2", [2, 1], 4]);
  for (const it of [[bytes], { bytes }, "text", null, 1, { $snakeden: "bytes", buffer: 0 }]) {
    assert.equal(Value.from(it).raw, undefined);
  }
});
