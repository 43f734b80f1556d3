import fc from "fast-check";
import assert from "node:assert/strict";
import { findJsonProblem, jsonProblemText } from "../../src/json/json_text.ts";

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const CASES: readonly [text: string, problem: string][] = [
  ['{"a": NaN}', "line 1, column 7: NaN is not a JSON value"],
  ['{"a":\n  -Infinity}', "line 2, column 3: -Infinity is not a JSON value"],
  ['{"a":1,}', 'line 1, column 8: trailing comma before "}"'],
  ["[1,\n2,\n]", 'line 3, column 1: trailing comma before "]"'],
  ["", "line 1, column 1: expected a value, but the text is empty"],
  ["{a:1}", 'line 1, column 2: expected a key in double quotes, found "a"'],
  ["{'a':1}", 'line 1, column 2: expected a key in double quotes, found "\'"'],
  ["['a']", "line 1, column 2: strings need double quotes, not single quotes"],
  ['{"a" 1}', 'line 1, column 6: expected ":", found "1"'],
  ['{"a":1 "b":2}', 'line 1, column 8: expected "," or "}", found a double quote'],
  ['{"a":1', 'line 1, column 7: expected "," or "}", but the text ends'],
  ["[1 2]", 'line 1, column 4: expected "," or "]", found "2"'],
  ['"abc', "line 1, column 1: the string has no closing quote"],
  ['"a\tb"', "line 1, column 3: unescaped control character U+0009 in a string"],
  ['"a\\x"', "line 1, column 3: unknown escape sequence"],
  ["01", "line 1, column 2: a number must not begin with 0"],
  ["1.", "line 1, column 2: not a valid number"],
  ["1 2", 'line 1, column 3: unexpected "2" after the end of the JSON value'],
  ["// x", "line 1, column 1: comments are not allowed in JSON"],
  ["-", 'line 1, column 1: expected a value, found "-"'],
];

for (const [text, problem] of CASES) {
  Deno.test(`jsonProblemText() finds the error in ${JSON.stringify(text)}`, () => {
    assert.ok(!isJson(text));
    assert.ok(jsonProblemText(text).startsWith(problem), jsonProblemText(text));
  });
}

Deno.test("findJsonProblem() finds an error exactly if JSON.parse throws", () => {
  const json = fc.tuple(
    fc.json(),
    fc.nat(),
    fc.nat(),
    fc.constantFrom("", ",", '"', "\\", "]", "x"),
  )
    .map(([text, at, remove, insert]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + insert + text.slice(place + remove % 3);
    });
  fc.assert(
    fc.property(fc.oneof(json, fc.string(), fc.json()), (text) => {
      assert.equal(findJsonProblem(text) === undefined, isJson(text), text);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("findJsonProblem() reads a text that is nested a million deep", () => {
  const problem = findJsonProblem("[".repeat(1_000_000));
  assert.deepEqual([problem?.line, problem?.column], [1, 1_000_001]);
});

Deno.test("findJsonProblem() reads a megabyte of escapes", () => {
  assert.equal(findJsonProblem(`"${"\\n".repeat(500_000)}"`), undefined);
});
