import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonProblem } from "../../../../src/jobs/scripts/results/check_json.ts";

function problemOf(text: string, maxDepth = 64): Promise<string | undefined> {
  return jsonProblem(new TextEncoder().encode(text), { maxDepth });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("jsonProblem() takes every value that JSON has, however it is written", async () => {
  await fc.assert(fc.asyncProperty(fc.json({ maxDepth: 5 }), fc.nat(4), async (text, indent) => {
    assert.equal(await problemOf(text), undefined);
    assert.equal(
      await problemOf(` ${JSON.stringify(JSON.parse(text), null, indent)}\r\n\t`),
      undefined,
    );
  }));
});

Deno.test("jsonProblem() refuses what JSON.parse() refuses, and nothing else", async () => {
  const part = fc.constantFrom(
    ...["{", "}", "[", "]", ",", ":", '"', '"a"', "1", "-", "0", ".", "e", "+", " ", "true", "nul"],
    ...[
      "null",
      "\\",
      "\\u00e9",
      "NaN",
      "1.5",
      "01",
      "\n",
      "ü",
      "1e5",
      '"\\n"',
      '"\\x"',
      '"\u0001"',
    ],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 8 }), async (parts) => {
      const text = parts.join("");
      assert.equal(await problemOf(text) === undefined, isJson(text), JSON.stringify(text));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("jsonProblem() bounds the depth, and says where something is wrong", async () => {
  assert.equal(await problemOf("[[1]]", 2), undefined);
  assert.equal(await problemOf("[[[1]]]", 2), "it is nested deeper than 2 levels");
  assert.match(await problemOf("[1, NaN]") ?? "", /unexpected "NaN\]" at byte 4/);
  assert.equal(await problemOf(`"${"x".repeat(3_000_000)}`), "it ends too early");
  assert.equal(
    await problemOf(`["${"x\\n".repeat(1_000_000)}", ${"1,".repeat(1_000_000)}1]`),
    undefined,
  );
  assert.match(await problemOf(`["${"x".repeat(3_000_000)}" 1]`) ?? "", /at byte 3000004/);
});
