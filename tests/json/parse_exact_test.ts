import assert from "node:assert/strict";
import { parseExact } from "../../src/json/mod.ts";

Deno.test("parseExact() keeps whole numbers beyond 2^53, and all else is that of JSON.parse", () => {
  const text = '{"a":[9007199254740993,-12345678901234567890,9007199254740991],"b":1e300,' +
    '"c":"12345678901234567890","d":0.1234567890123456789,"e":12345678901234567890.5}';
  assert.deepEqual(parseExact(text), {
    ...JSON.parse(text),
    a: [9007199254740993n, -12345678901234567890n, 9007199254740991],
  });
  assert.deepEqual(parseExact('[1,"x"]'), [1, "x"]);
  assert.throws(() => parseExact("{1234567890123456"), SyntaxError);
});
