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
  ['{"a":1,}', 'line 1, column 8: a comma stands before "}"'],
  ["[1,\n2,\n]", 'line 3, column 1: a comma stands before "]"'],
  ["", "line 1, column 1: there is nothing to read"],
  ["{a:1}", 'line 1, column 2: "a" stands where a key in double quotes should be'],
  ["{'a':1}", 'line 1, column 2: "\'" stands where a key in double quotes should be'],
  ["['a']", "line 1, column 2: a text stands in single quotes; JSON has double quotes"],
  ['{"a" 1}', 'line 1, column 6: "1" stands where ":" should be'],
  ['{"a":1', 'line 1, column 7: the text ends where "," or "}" should be'],
  ["[1 2]", 'line 1, column 4: "2" stands where "," or "]" should be'],
  ['"abc', "line 1, column 1: a text has no closing quote"],
  ['"a\tb"', "line 1, column 3: a control character (U+0009) stands unescaped in a text"],
  ['"a\\x"', "line 1, column 3: a backslash begins no escape that JSON knows"],
  ["01", "line 1, column 2: a number begins with 0"],
  ["1.", "line 1, column 2: a number is not written as JSON has it"],
  ["1 2", 'line 1, column 3: "2" follows after the end of the JSON value'],
  ["// x", "line 1, column 1: JSON has no comments"],
  ["-", 'line 1, column 1: "-" stands where a value should be'],
];

for (const [text, problem] of CASES) {
  Deno.test(`jsonProblemText() finds the place in ${JSON.stringify(text)}`, () => {
    assert.ok(!isJson(text));
    assert.ok(jsonProblemText(text).startsWith(problem), jsonProblemText(text));
  });
}

Deno.test("findJsonProblem() agrees with JSON.parse on what is JSON", () => {
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

Deno.test("findJsonProblem() walks a text nested a million deep", () => {
  const problem = findJsonProblem("[".repeat(1_000_000));
  assert.deepEqual([problem?.line, problem?.column], [1, 1_000_001]);
});

Deno.test("findJsonProblem() walks a text of a megabyte full of escapes", () => {
  assert.equal(findJsonProblem(`"${"\\n".repeat(500_000)}"`), undefined);
});
