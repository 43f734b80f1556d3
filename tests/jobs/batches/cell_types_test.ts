import assert from "node:assert/strict";
import { cellJson, cellTypes } from "../../../src/jobs/batches/inputs/cell_types.ts";

const SCHEMA = {
  type: "object",
  properties: {
    text: { type: "string" },
    whole: { type: "integer" },
    part: { type: "number" },
    yes: { type: "boolean" },
    maybe: { anyOf: [{ type: "integer" }, { type: "null" }] },
    either: { anyOf: [{ type: "integer" }, { type: "string" }] },
    listed: { type: ["number", "null"] },
    level: { enum: [1, 2, 3] },
    named: { enum: ["a", "b"] },
    any: {},
    row: { $ref: "#/$defs/Row" },
    counts: { type: "object", additionalProperties: { type: "integer" } },
    loop: { $ref: "#/$defs/Loop" },
  },
  $defs: {
    Row: { type: "object", properties: { age: { $ref: "#/$defs/Age" }, name: { type: "string" } } },
    Age: { type: "integer" },
    Loop: { $ref: "#/$defs/Loop" },
  },
};

/** Returns the JSON of a cell of a column. */
function json(column: string, text: string, input?: string): string {
  const types = cellTypes(SCHEMA, input)(column);
  return types === undefined ? JSON.stringify(text) : cellJson(text, types);
}

Deno.test("a cell of a column of numbers is a number, exactly as it stands", () => {
  assert.deepEqual(
    ["7", "-12", " 5 ", "12345678901234567890", "007", "+3"].map((it) => json("whole", it)),
    ["7", "-12", "5", "12345678901234567890", "7", "3"],
  );
  assert.deepEqual(
    ["7", "1.50", ".5", "-2e3", "1."].map((it) => json("part", it)),
    ["7", "1.5", "0.5", "-2000", "1"],
  );
  assert.deepEqual(json("level", "2"), "2");
});

Deno.test("a cell that is not of the type of its column stays text", () => {
  assert.deepEqual(
    ["x", "1.5", "", " ", "1 2", "0x10", "--1"].map((it) => json("whole", it)),
    ['"x"', '"1.5"', '""', '" "', '"1 2"', '"0x10"', '"--1"'],
  );
  assert.deepEqual(
    ["NaN", "inf", "1e999", "1,5"].map((it) => json("part", it)),
    ['"NaN"', '"inf"', '"1e999"', '"1,5"'],
  );
  assert.deepEqual(["yes", "1"].map((it) => json("yes", it)), ['"yes"', '"1"']);
});

Deno.test("true and false are themselves, and an empty cell is null where that is allowed", () => {
  assert.deepEqual(["true", "FALSE"].map((it) => json("yes", it)), ["true", "false"]);
  assert.deepEqual([json("maybe", ""), json("maybe", "4"), json("listed", " ")], [
    "null",
    "4",
    "null",
  ]);
});

Deno.test("a column that takes text, or of which the schema says nothing, stays text", () => {
  for (const column of ["text", "either", "named", "any", "unknown", "loop", "__proto__"]) {
    assert.equal(json(column, "7"), '"7"', column);
  }
});

Deno.test("columns are the fields of the argument that gets the row", () => {
  assert.deepEqual([json("age", "41", "row"), json("name", "41", "row")], ["41", '"41"']);
  assert.equal(json("apples", "3", "counts"), "3");
  assert.equal(json("age", "41"), '"41"');
  assert.equal(json("age", "41", "loop"), '"41"');
});
