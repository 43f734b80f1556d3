import assert from "node:assert/strict";
import { toolNameIssue } from "../../src/tools/tool_name.ts";

Deno.test("toolNameIssue() accepts letters, digits, underscores, dots and dashes up to 64 bytes", () => {
  for (const name of ["a", "7", "A.b-c_d", "x".repeat(64)]) {
    assert.equal(toolNameIssue(name), undefined);
  }
});

Deno.test("99. Names: empty, 65 bytes, leading dot, non-string → each its own error", () => {
  const table: [unknown, RegExp][] = [
    ["", /^given "", which is empty; allowed: a letter or digit, and then at most 63 /],
    ["x".repeat(65), /^given "x{65}", which has 65 bytes; allowed: at most 64 bytes$/],
    ["é".repeat(33), /which has 66 bytes/],
    [".x", /^given ".x", which begins with a dot; allowed: /],
    [7, /^given 7, which is not a string; allowed: /],
    [null, /^given null, which is not a string/],
    [["a"], /^given a list of 1, which is not a string/],
    ["-x", /^given "-x", which has another form; allowed: /],
    ["a b", /which has another form/],
    ["x\n", /which has another form/],
    ["é", /which has another form/],
  ];
  for (const [name, issue] of table) assert.match(toolNameIssue(name) ?? "", issue);
});
