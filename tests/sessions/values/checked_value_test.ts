import assert from "node:assert/strict";
import { NdArray, Value } from "../../../src/bridge/mod.ts";
import { InvalidInputError } from "../../../src/errors.ts";
import { checkedValue, type VariableRules } from "../../../src/sessions/values/mod.ts";

interface Asked {
  readonly type?: unknown;
  readonly constraints?: unknown;
  readonly before?: VariableRules;
}

function check(value: unknown, { before, ...asked }: Asked = {}): unknown {
  return checkedValue("x", value, { asked, before, maxDepth: 200 }).encoded.decode();
}

function issuesOf(value: unknown, asked: Asked): string[] {
  try {
    check(value, asked);
  } catch (error) {
    assert.ok(error instanceof InvalidInputError, String(error));
    assert.equal(error.code, "invalid_variable");
    assert.match(error.message, /^Cannot set the variable "x": /);
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const VECTOR = new Float32Array([1, 2, 3]);
const MATRIX = new NdArray("<f8", [2, 2], new Float64Array([1, 2, 3, 4]));

Deno.test("checkedValue() takes what fits the type, in one form", () => {
  const table: [type: string, given: unknown, value?: unknown, constraints?: unknown][] = [
    ["float", 1],
    ["float", 1n, 1],
    ["float", NaN],
    ["float", -Infinity],
    ["float", 0, 0, { min: 0, max: 0 }],
    ["float", -Infinity, -Infinity, { max: 0 }],
    ["integer", 3],
    ["integer", -0, 0],
    ["integer", 1e21, 10n ** 21n],
    ["integer", 2n ** 53n],
    ["integer", 2n ** 60n, 2n ** 60n, { min: 1, max: 2 ** 61 }],
    ["string", "", "", { minLength: 0 }],
    ["string", "😀", "😀", { minLength: 1, maxLength: 1 }],
    ["boolean", false],
    ["choice", "a", "a", { choices: ["a", "b"] }],
    ["module", "sklearn.svm"],
    ["module", "a", "a", { allowedModules: ["a"] }],
    ["json", { a: [null] }],
    ["json", null],
    ["json", VECTOR],
    ["tensor", VECTOR, VECTOR, { shape: [3] }],
    ["tensor", MATRIX, MATRIX, { shape: [null, 2] }],
    ["tensor", [[1, 2], [3, 4]], MATRIX, { shape: [2, 2] }],
    ["tensor", [], new Float64Array(), { shape: [0] }],
    ["tensor", [[], []], new NdArray("<f8", [2, 0], new Float64Array())],
    ["tensor", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    ["embedding", [0.5, 1], new Float64Array([0.5, 1]), { dimensions: 2 }],
    ["embedding", VECTOR],
  ];
  for (const [type, given, value = given, constraints] of table) {
    const found = check(given, { type, constraints });
    assert.deepEqual(found, value, type);
    assert.ok(typeof found === "object" || Object.is(found, value), `${type} ${String(given)}`);
  }
});

Deno.test("checkedValue() infers a float where Python has one, also for a whole number", () => {
  const typeOf = (json: string): string => {
    const given = new Value({ json: new TextEncoder().encode(json) });
    return checkedValue("x", given, { asked: {}, before: undefined, maxDepth: 9 }).type;
  };
  assert.deepEqual(["1.0", "1", "1e3", "-0.5", '"1.0"', "[1.0]"].map(typeOf), [
    "float",
    "integer",
    "float",
    "float",
    "string",
    "json",
  ]);
});

Deno.test("checkedValue() refuses a wrong type or value, and names the field and its limit", () => {
  const table: [type: string, given: unknown, constraints: unknown, issue: RegExp][] = [
    ["float", "1", undefined, /^value: given "1"; allowed: a number .*\(type float\)/],
    ["float", 2n ** 60n + 1n, undefined, /^value: .*allowed: a number that a float can hold/],
    ["float", null, undefined, /^value: given null/],
    ["float", -0.1, { min: 0 }, /^value: given -0.1; allowed: at least 0 \(min\)/],
    ["float", 2.1, { max: 2 }, /^value: given 2.1; allowed: at most 2 \(max\)/],
    ["float", NaN, { min: 0 }, /^value: given NaN; allowed: at least 0 \(min\)/],
    ["float", NaN, { max: 0 }, /^value: given NaN; allowed: at most 0 \(max\)/],
    ["float", Infinity, { max: 0 }, /^value: given Infinity; allowed: at most 0 \(max\)/],
    ["integer", 0.5, undefined, /^value: given 0.5; allowed: a whole number \(type integer\)/],
    ["integer", NaN, undefined, /^value: given NaN; allowed: a whole number/],
    ["integer", true, undefined, /^value: given true; allowed: a whole number/],
    ["integer", 5n, { max: 4 }, /^value: given 5; allowed: at most 4 \(max\)/],
    ["string", 1, undefined, /^value: given 1; allowed: a text/],
    ["string", "ab", { minLength: 3 }, /^value: .*at least 3 characters \(minLength\); it has 2/],
    ["string", "ab😀", { maxLength: 2 }, /^value: .*at most 2 characters \(maxLength\); it has 3/],
    ["boolean", 0, undefined, /^value: given 0; allowed: true or false/],
    ["choice", "c", { choices: ["a", "b"] }, /^value: given "c"; allowed: "a", "b" \(choices\)/],
    ["choice", "a", undefined, /^constraints.choices: missing; allowed: a list of 1 to 1000 texts/],
    ["choice", 1, { choices: ["a"] }, /^value: given 1; allowed: a text that choices names/],
    ["module", "a-b", undefined, /^value: given "a-b"; allowed: the name of a Python module/],
    ["module", "os.", undefined, /^value: given "os."/],
    ["module", "os", { allowedModules: ["re"] }, /^value: .*allowed: "re" \(allowedModules\)/],
    ["tensor", 1, undefined, /^value: given 1; allowed: an array of numbers/],
    ["tensor", [[1], [1, 2]], undefined, /^value: given an array; allowed: an array of numbers/],
    ["tensor", [1, [2]], undefined, /^value: given an array/],
    ["tensor", [1, "2"], undefined, /^value: given an array/],
    ["tensor", VECTOR, { shape: [2] }, /^value: .*the shape \[2\] \(shape\); it has \[3\]/],
    [
      "tensor",
      MATRIX,
      { shape: [4] },
      /^value: given an array of shape \[2, 2\]; allowed: the shape/,
    ],
    ["tensor", MATRIX, { shape: [null, 3] }, /the shape \[any, 3\] \(shape\); it has \[2, 2\]/],
    ["embedding", MATRIX, undefined, /^value: .*allowed: a list of numbers \(type embedding\)/],
    ["embedding", [1], { dimensions: 2 }, /^value: .*allowed: 2 numbers \(dimensions\); it has 1/],
    ["flaot", 1, undefined, /^type: given "flaot"; did you mean "float"\?/],
  ];
  for (const [type, given, constraints, issue] of table) {
    const issues = issuesOf(given, { type, constraints });
    assert.equal(issues.length, 1, `${type} ${String(given)}: ${issues}`);
    assert.match(issues[0] ?? "", issue);
  }
  assert.match(
    issuesOf(1, { type: 7 })[0] ?? "",
    /^type: given 7; allowed: float, integer, string/,
  );
  assert.match(issuesOf(1, { type: null })[0] ?? "", /^type: given null; allowed: float/);
});

Deno.test("checkedValue() refuses constraints that are not valid, or not for the type", () => {
  const table: [type: string, value: unknown, constraints: unknown, issue: RegExp][] = [
    ["float", 1, [], /^constraints: given an array; allowed: an object/],
    ["float", 1, null, /^constraints: given null; allowed: an object/],
    ["float", 1, "x", /^constraints: given "x"; allowed: an object/],
    ["float", 1, { min: "0" }, /^constraints.min: given "0"; allowed: a finite number/],
    ["float", 1, { min: NaN }, /^constraints.min: given NaN; allowed: a finite number/],
    ["float", 1, { min: 2, max: 1 }, /^constraints.min: given 2; allowed: at most max, 1/],
    ["float", 1, { mn: 2 }, /^constraints.mn: no constraint of the type float; did you mean "min"/],
    ["float", 1, { maxLength: 2 }, /^constraints.maxLength: no constraint of the type float; /],
    ["json", 1, { min: 1 }, /^constraints.min: no constraint of the type json; it takes none/],
    ["boolean", true, { min: 1 }, /^constraints.min: .*; it takes none/],
    ["string", "", { minLength: -1 }, /^constraints.minLength: given -1; allowed: a whole number/],
    [
      "string",
      "",
      { minLength: 2, maxLength: 1 },
      /^constraints.minLength: given 2; allowed: at most/,
    ],
    [
      "choice",
      "a",
      { choices: [] },
      /^constraints.choices: given an array; allowed: a list of 1 to/,
    ],
    ["choice", "a", { choices: ["a", 1] }, /^constraints.choices: given an array/],
    [
      "tensor",
      VECTOR,
      { shape: [1.5] },
      /^constraints.shape: given an array; allowed: a list of up/,
    ],
    ["tensor", VECTOR, { shape: Array(33).fill(1) }, /^constraints.shape: /],
    ["embedding", VECTOR, { dimensions: null }, /^constraints.dimensions: given null; allowed/],
    ["module", "a", { allowedModules: "a" }, /^constraints.allowedModules: given "a"; allowed/],
  ];
  for (const [type, value, constraints, issue] of table) {
    const issues = issuesOf(value, { type, constraints });
    assert.equal(issues.length, 1, `${type} ${issues}`);
    assert.match(issues[0] ?? "", issue);
  }
});

Deno.test("checkedValue() says that a variable has its type from before", () => {
  assert.deepEqual(issuesOf(0.7, { before: { type: "integer" } }), [
    "value: given 0.7; allowed: a whole number (type integer); the variable has the type integer, " +
    "which a write with another type replaces",
  ]);
});

Deno.test("checkedValue() copies constraints", () => {
  const choices = ["a"];
  const { constraints } = checkedValue("x", "a", {
    asked: { type: "choice", constraints: { choices } },
    before: undefined,
    maxDepth: 200,
  });
  choices.push("b");
  assert.deepEqual(constraints, { choices: ["a"] });
});

Deno.test("checkedValue() refuses values that cannot be sent", () => {
  assert.match(
    issuesOf({ a: Symbol() }, {})[0] ?? "",
    /^value\.a: a symbol cannot be sent/,
  );
});
