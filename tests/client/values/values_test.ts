import fc from "fast-check";
import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import {
  decodeFields,
  encodeTree,
  parseExactJson,
  ReceivedValue,
} from "../../../src/client/values/mod.ts";
import { parseJson } from "../../../src/routes/http/mod.ts";
import { anyTree } from "../../bridge/trees.ts";

/** Returns a value as the host has it, after the client has sent it. */
function inHost(value: unknown): Value {
  const text = JSON.stringify(encodeTree(value, "value"));
  return Value.fromJsonTree(parseJson(text, "", 200));
}

Deno.test("encodeTree() sends every value as the library sends it", () => {
  fc.assert(fc.property(anyTree, (value) => {
    assert.deepStrictEqual(inHost(value).decode(), Value.from(value).decode());
  }));
});

Deno.test("ReceivedValue.decode() returns every value as the library decodes it", () => {
  fc.assert(fc.property(anyTree, (value) => {
    const sent = Value.from(value);
    const received = new ReceivedValue(sent.jsonText());
    assert.deepStrictEqual(received.decode(), sent.decode());
    const inside = new ReceivedValue(`{"result":${sent.jsonText()},"callId":"1"}`, "result");
    assert.deepStrictEqual(inside.decode(), sent.decode());
  }));
});

Deno.test("ReceivedValue.decode() returns a copy each time", () => {
  const value = new ReceivedValue('{"a":[1]}');
  (value.decode() as { a: number[] }).a.push(2);
  assert.deepEqual(value.decode(), { a: [1] });
});

Deno.test("parseExactJson() keeps long integers, and nothing else changes", () => {
  const tag = (value: string): unknown => ({ $snakeden: "int", value });
  for (
    const [text, expected] of [
      ["9007199254740991", 9007199254740991],
      ["9007199254740992", tag("9007199254740992")],
      ["-12345678901234567890", tag("-12345678901234567890")],
      ["1.2345678901234567890", 1.2345678901234567],
      ["12345678901234567890.0", 12345678901234567000],
      ["12345678901234567890e2", 1.2345678901234567e21],
      ["1e0000000000000000002", 100],
      ['"12345678901234567890"', "12345678901234567890"],
      ['{"12345678901234567890":1}', { "12345678901234567890": 1 }],
      [String.raw`["\"12345678901234567890\\",12345678901234567890]`, [
        '"12345678901234567890\\',
        tag("12345678901234567890"),
      ]],
    ] as const
  ) {
    assert.deepEqual(parseExactJson(text), expected, text);
  }
});

Deno.test("parseExactJson() parses whatever JSON.stringify writes", () => {
  const long = fc.bigInt({ min: 10n ** 15n, max: 10n ** 40n });
  fc.assert(fc.property(fc.json(), long, fc.string(), (json, number, text) => {
    const string = JSON.stringify(text);
    const whole = `{"json":${json},${string}:[${number},${string}]}`;
    const plain = JSON.parse(whole);
    const exact = parseExactJson(whole) as Record<string, [unknown, unknown]>;
    assert.deepEqual(Object.keys(exact), Object.keys(plain));
    assert.equal(exact[text]?.[1], text);
    const isSafe = number <= BigInt(Number.MAX_SAFE_INTEGER);
    const expected = isSafe ? Number(number) : { $snakeden: "int", value: String(number) };
    assert.deepEqual(exact[text]?.[0], expected);
  }));
});

Deno.test("parseExactJson() refuses what is not JSON", () => {
  for (const text of ["", "{", '"a', "[1,]", "12345678901234567890x", '["\\"]']) {
    assert.throws(() => parseExactJson(text), SyntaxError, text);
  }
});

Deno.test("decodeFields() decodes the named fields and leaves the others plain", () => {
  const text = '{"args":{"n":12345678901234567890},"metadata":{"n":12345678901234567890}}';
  assert.deepEqual(decodeFields(text, ["args", "absent"]), {
    args: { n: 12345678901234567890n },
    metadata: { n: 12345678901234567000 },
  });
});
