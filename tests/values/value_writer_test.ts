import fc from "fast-check";
import assert from "node:assert/strict";
import { NdArray, Value } from "../../src/bridge/mod.ts";
import { isPlain } from "../../src/values/value_writer.ts";
import { SnakedenError } from "../../src/errors.ts";
import { anyTree, jsonTree, nested } from "../bridge/trees.ts";

function decoded(value: unknown): unknown {
  return Value.from(value).decode();
}

/** Runs a function and returns the path that its error names. */
function placeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    assert.equal(error.code, "invalid_value");
    assert.ok(error.message.includes(String(error.details.path)), error.message);
    return error.details.path;
  }
  throw new Error("nothing was thrown");
}

Deno.test("isPlain() returns true only for values that JSON.stringify writes exactly", () => {
  const odd = fc.constantFrom<unknown>(
    undefined,
    -0,
    NaN,
    1n,
    "\ud800",
    Symbol("s"),
    () => 1,
    new Date(0),
    new Map(),
    new Set(),
    new Uint8Array(1),
    { "\udfff": 1 },
    { toJSON: () => 1 },
    Object.assign([1], { toJSON: () => 1 }),
    new (class extends Array<unknown> {
      toJSON(): number {
        return 1;
      }
    })(),
    // deno-lint-ignore no-sparse-arrays
    [, 1],
    { a: undefined },
    Object.create({ inherited: 1 }),
  );
  const tree = fc.oneof(jsonTree, anyTree, odd, fc.tuple(jsonTree, odd), fc.record({ odd }));
  fc.assert(
    fc.property(tree, (value) => {
      if (isPlain(value, 200)) assert.deepStrictEqual(JSON.parse(JSON.stringify(value)), value);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("isPlain() returns true for everyday arguments", () => {
  const args = { text: "häh? 🐍", rows: [[1, 2.5, -3], [null, true]], nested: { a: { b: "c" } } };
  assert.ok(isPlain(args, 200));
  assert.ok(isPlain(Object.assign(Object.create(null), args), 200));
});

Deno.test("isPlain() counts levels exactly", () => {
  assert.ok(isPlain(nested(200), 200));
  assert.ok(!isPlain(nested(201), 200));
  assert.ok(isPlain("leaf", 0));
  assert.ok(!isPlain([], 0));
});

Deno.test("Value.from() refuses functions and symbols, and names the path", () => {
  assert.equal(placeOf(() => Value.from({ a: [1, { b: () => 1 }] })), "value.a[1].b");
  assert.equal(placeOf(() => Value.from([Symbol("x")], { name: "args" })), "args[0]");
  assert.equal(placeOf(() => Value.from(() => 1)), "value");
});

Deno.test("Value.from() writes a key of a Map as it writes the value", () => {
  const keys: [unknown, string][] = [
    ["a", "a"],
    [1, "1"],
    [1.5, "1.5"],
    [2 ** 60, "1152921504606846976"],
    [NaN, "NaN"],
    [-Infinity, "-Infinity"],
    [7n, "7"],
    [2n ** 70n, String(2n ** 70n)],
    [true, "true"],
    [null, "null"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new URL("http://a/b"), "http://a/b"],
    [Object("boxed"), "boxed"],
    [Object(2), "2"],
    ["\ud800", "\ufffd"],
  ];
  for (const [key, text] of keys) {
    assert.deepStrictEqual(decoded(new Map([[key, 1]])), { [text]: 1 });
  }
});

Deno.test("Value.from() refuses keys that have no text, or the same text, and names the path", () => {
  const keys = [
    {},
    [],
    undefined,
    Symbol("a"),
    () => 1,
    new Map(),
    new Uint8Array(1),
    new Date(NaN),
  ];
  for (const key of keys) {
    assert.equal(placeOf(() => Value.from({ m: new Map([[key, 1]]) })), "value.m");
    assert.equal(placeOf(() => Value.from(new Map([[key, 1]]))), "value");
  }
  const twice = [
    new Map<unknown, number>([[1, 1], ["1", 2]]),
    new Map<unknown, number>([[null, 1], ["null", 2]]),
    Object.fromEntries([["\ud800", 1], ["\ud801", 2]]),
  ];
  for (const same of twice) {
    assert.equal(placeOf(() => Value.from({ same })), "value.same");
    assert.throws(() => Value.from(same), /two keys are both ".+" as text/);
  }
});

Deno.test("Value.from() unboxes boxed primitives", () => {
  const boxes = [Object(1), Object("ab"), Object(true), Object(2n ** 70n), Object(-0)];
  assert.deepStrictEqual(decoded(boxes), [1, "ab", true, 2n ** 70n, -0]);
  assert.equal(placeOf(() => Value.from({ a: Object(Symbol("s")) })), "value.a");
});

Deno.test("Value.from() omits a field whose toJSON() returns undefined, like JSON.stringify", () => {
  const gone = { toJSON: (): undefined => undefined };
  assert.deepStrictEqual(decoded({ gone, list: [gone], n: NaN }), { list: [null], n: NaN });
  assert.equal(decoded(gone), null);
});

Deno.test("Value.from() writes a Map as an object and a Set as a list", () => {
  const map = new Map<unknown, unknown>([["a", new Set([1, 2n ** 70n])], [3, new Map()]]);
  assert.deepStrictEqual(decoded(map), { a: [1, 2n ** 70n], 3: {} });
  assert.deepStrictEqual(decoded(new Map([["$snakeden", "int"]])), { $snakeden: "int" });
});

Deno.test("Value.from() writes the result of toJSON()", () => {
  assert.equal(decoded(new Date(0)), "1970-01-01T00:00:00.000Z");
  assert.equal(decoded(new URL("http://a/b")), "http://a/b");
  assert.deepStrictEqual(decoded({ a: { toJSON: () => ({ n: 2n ** 70n }) } }), {
    a: { n: 2n ** 70n },
  });
});

Deno.test("Value.from() refuses objects that would arrive empty or as null", () => {
  assert.throws(() => Value.from(new Date(NaN)), /the date is invalid/);
  assert.throws(() => Value.from({ a: /x/ }), /value\.a: a RegExp cannot be sent/);
  assert.throws(() => Value.from([new Error("x")]), /value\[0\]: a Error cannot be sent/);
  const coded = Object.assign(new Error("lost text"), { code: "E" });
  assert.throws(() => Value.from({ coded }), /value\.coded: a Error cannot be sent/);
  class Hidden {
    readonly #secret = 1;
    get secret(): number {
      return this.#secret;
    }
  }
  assert.throws(() => Value.from([new Hidden()]), /value\[0\]: a Hidden cannot be sent/);
  const generator = (function* (): Generator<number> {
    yield 1;
  })();
  assert.throws(() => Value.from([generator]), /value\[0\]: this Generator is an input stream/);
  assert.throws(() => Value.from([[1].values()]), /value\[0\]: this Iterator is an input stream/);
  assert.throws(() => Value.from([new WeakSet()]), /value\[0\]: a WeakSet cannot be sent/);
});

Deno.test("Value.from() omits undefined fields and writes undefined elements as null", () => {
  assert.deepStrictEqual(decoded({ a: undefined, b: [undefined, 1] }), { b: [null, 1] });
  // deno-lint-ignore no-sparse-arrays
  assert.deepStrictEqual(decoded([1, , NaN]), [1, null, NaN]);
  assert.equal(decoded(undefined), null);
});

Deno.test("Value.from() writes the fields of an object of any class", () => {
  class Point {
    x = 1;
    y = NaN;
    #secret = 2;
    get sum(): number {
      return this.x + this.#secret;
    }
  }
  assert.deepStrictEqual(decoded(new Point()), { x: 1, y: NaN });
});

Deno.test("Value.from() writes an array of a subclass as a list", () => {
  class Rows extends Array<number> {
    toJSON(): string {
      return "not this";
    }
  }
  assert.deepStrictEqual(decoded(Rows.from([1, 2])), [1, 2]);
});

Deno.test("Value.from() replaces lone surrogates in texts and keys", () => {
  assert.equal(decoded("a\ud800b"), "a\ufffdb");
  assert.deepStrictEqual(decoded({ "\udc00k": ["\ud83d\udc0d", "\udc0d"] }), {
    "\ufffdk": ["\ud83d\udc0d", "\ufffd"],
  });
});

Deno.test("Value.from() keeps the key __proto__ like any other", () => {
  const tree = JSON.parse('{"__proto__": {"polluted": true}, "n": null}');
  tree.n = NaN;
  const back = decoded(tree) as Record<string, unknown>;
  assert.deepStrictEqual(Object.keys(back), ["__proto__", "n"]);
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("Value.fromJsonTree() reads tags with inline data", () => {
  const tree = {
    int: { $snakeden: "int", value: "-0018446744073709551616" },
    float: { $snakeden: "float", value: "-Infinity" },
    bytes: { $snakeden: "bytes", base64: "AQID" },
    array: { $snakeden: "array", dtype: "<i2", shape: [2], base64: "AQACAA==" },
    object: { $snakeden: "object", value: { $snakeden: "int" } },
  };
  assert.deepStrictEqual(Value.fromJsonTree(tree).decode(), {
    int: -(2n ** 64n),
    float: -Infinity,
    bytes: new Uint8Array([1, 2, 3]),
    array: new Int16Array([1, 2]),
    object: { $snakeden: "int" },
  });
});

Deno.test("Value.fromJsonTree() refuses tags that cannot be read, and names the path", async (t) => {
  const array = { $snakeden: "array", dtype: "<f8", shape: [1], base64: "AAAAAAAAAAA=" };
  Value.fromJsonTree(array);
  const bad: unknown[] = [
    { $snakeden: "int", value: "1.5" },
    { $snakeden: "int", value: 5 },
    { $snakeden: "int", value: "1".repeat(10_001) },
    { $snakeden: "int" },
    { $snakeden: "float", value: "nan" },
    { $snakeden: "float", value: ["NaN"] },
    { $snakeden: "float" },
    { $snakeden: "bytes" },
    { $snakeden: "bytes", base64: null },
    { $snakeden: "bytes", base64: "%%%" },
    { $snakeden: "bytes", buffer: 0 },
    { ...array, dtype: "|O" },
    { ...array, dtype: "__proto__" },
    { ...array, shape: [2] },
    { ...array, shape: [-1, -1] },
    { ...array, shape: ["1"] },
    { ...array, shape: [[1]] },
    { ...array, shape: Array(33).fill(1) },
    { ...array, shape: null },
    { ...array, base64: 5 },
    { $snakeden: "object" },
    { $snakeden: "object", value: null },
    { $snakeden: "object", value: "abc" },
    { $snakeden: "object", value: [] },
    { $snakeden: "object", value: { a: { $snakeden: "x" } } },
    { $snakeden: "unserializable" },
    { $snakeden: "pickle", base64: "gASV" },
    { $snakeden: 5 },
    { $snakeden: null },
  ];
  for (const leaf of bad) {
    await t.step(JSON.stringify(leaf).slice(0, 80), () => {
      const path = String(placeOf(() => Value.fromJsonTree({ rows: [leaf] }, { name: "args" })));
      assert.ok(path.startsWith("args.rows[0]"), path);
    });
  }
});

/** Values on a buffer that was transferred or made smaller. */
function lostBuffers(): Record<string, unknown> {
  const transferred = <T>(value: T, buffer: ArrayBuffer): T => {
    structuredClone(buffer, { transfer: [buffer] });
    return value;
  };
  const shrunk = <T>(make: (buffer: ArrayBuffer) => T): T => {
    const buffer = new ArrayBuffer(32, { maxByteLength: 64 });
    const value = make(buffer);
    buffer.resize(8);
    return value;
  };
  const [plain, bytes, floats, view, matrix, empty] = Array.from(
    { length: 6 },
    (_, i) => new ArrayBuffer(i < 5 ? 32 : 0),
  ) as [ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer, ArrayBuffer];
  return {
    buffer: transferred(plain, plain),
    bytes: transferred(new Uint8Array(bytes, 8), bytes),
    floats: transferred(new Float64Array(floats), floats),
    view: transferred(new DataView(view, 4, 4), view),
    matrix: transferred(new NdArray("<f4", [2, 2], new Float32Array(matrix, 0, 4)), matrix),
    empty: transferred(new Int32Array(empty), empty),
    shrunk: shrunk((it) => new Float64Array(it, 16, 2)),
    shrunkBytes: shrunk((it) => new Uint8Array(it, 16, 2)),
    shrunkView: shrunk((it) => new DataView(it, 16, 2)),
    shrunkMatrix: shrunk((it) => new NdArray("<f8", [2, 2], new Float64Array(it))),
  };
}

Deno.test("Value.from() refuses a buffer that was transferred or made smaller, and names the path", () => {
  for (const [name, lost] of Object.entries(lostBuffers())) {
    assert.equal(placeOf(() => Value.from(lost)), "value", name);
    assert.equal(placeOf(() => Value.from({ a: [1, lost] })), "value.a[1]", name);
    assert.equal(
      placeOf(() => Value.from({ a: new Map([["k", new Set([lost])]]) })),
      "value.a.k[0]",
    );
  }
});

Deno.test("Value.from() sends the current bytes of a resizable buffer", () => {
  const buffer = new ArrayBuffer(2, { maxByteLength: 8 });
  const value = Value.from([buffer, new Uint8Array(buffer)]);
  buffer.resize(8);
  assert.deepStrictEqual(value.decode(), [new Uint8Array(2), new Uint8Array(2)]);
});

Deno.test("Value.from() writes every number exactly", () => {
  const large = fc.double({ min: 2 ** 53, max: 1e21, maxExcluded: true });
  fc.assert(fc.property(fc.oneof(fc.double(), large, large.map((it) => -it)), (value) => {
    const back = decoded([value, { deep: value }]) as [number | bigint, { deep: unknown }];
    assert.deepStrictEqual(back[0], back[1].deep);
    if (typeof back[0] === "bigint") assert.equal(back[0], BigInt(value));
    else assert.ok(Object.is(back[0], value));
  }));
});

Deno.test("Value.fromJsonTree() refuses a number beyond the largest float, and names the path", () => {
  for (const text of ['{"a":[1e400]}', '{"a":[-1e400]}']) {
    assert.equal(placeOf(() => Value.fromJsonTree(JSON.parse(text))), "value.a[0]");
  }
});

Deno.test("Value.from() takes input streams only if there is a collector for them", () => {
  const seen: string[] = [];
  const inputs = { add: (_source: unknown, path: string): number => seen.push(path) - 1 };
  const streams = [
    ReadableStream.from([1]),
    (async function* (): AsyncGenerator<number> {})(),
    [1].values(),
    // It has no key that JSON.stringify sees.
    { async *[Symbol.asyncIterator](): AsyncGenerator<number> {} },
  ];
  const value = Value.from({ a: streams, b: [1] }, { name: "args", inputs: () => inputs });
  assert.deepEqual(seen, ["args.a[0]", "args.a[1]", "args.a[2]", "args.a[3]"]);
  assert.equal(value.inputs, inputs);
  const tags = [0, 1, 2, 3].map((id) => ({ $snakeden: "input", id }));
  assert.deepEqual(JSON.parse(value.text), { a: tags, b: [1] });
  for (const stream of streams) {
    assert.throws(() => Value.from({ a: stream }), /value\.a: .* is an input stream, and only the/);
  }
  const values = { a: [1], b: "text", c: new Set([1]), d: new Map(), e: new Uint8Array(1) };
  assert.equal(Value.from(values, { inputs: () => inputs }).inputs, undefined);
});

Deno.test("Value.withInput() adds a field, and keeps those that are there", () => {
  const inputs = { add: (): number => 0 };
  const value = Value.from({ a: new Uint8Array([1]) }).withInput("b", 4, inputs);
  assert.deepEqual(JSON.parse(value.text), {
    b: { $snakeden: "input", id: 4 },
    a: { $snakeden: "bytes", buffer: 0 },
  });
  assert.equal(value.inputs, inputs);
  assert.throws(() => Value.from({ $snakeden: 1 }).withInput("b", 4, inputs), /\$snakeden/);
});

Deno.test("Value.fromJsonTree() refuses the tag input", () => {
  const tree = { rows: { $snakeden: "input", id: 0 } };
  assert.throws(() => Value.fromJsonTree(tree), /value\.rows: the tag input has no form in JSON/);
});
