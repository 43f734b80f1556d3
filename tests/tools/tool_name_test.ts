import assert from "node:assert/strict";
import { toolNameIssue } from "../../src/tools/tool_name.ts";

Deno.test("toolNameIssue() accepts letters, digits, underscores, dots and dashes up to 64 bytes", () => {
  for (const name of ["a", "7", "A.b-c_d", "x".repeat(64)]) {
    assert.equal(toolNameIssue(name), undefined);
  }
});

Deno.test("99. Names: empty, 65 bytes, leading dot, non-string → each its own error", () => {
  const table: [unknown, string, RegExp][] = [
    ["", "empty", /^given "", which is empty; allowed: a letter or digit, and then at most 63 /],
    [
      "x".repeat(65),
      "too_long",
      /^given "x{65}", which has at least 65 bytes; allowed: at most 64/,
    ],
    ["é".repeat(33), "too_long", /which has 66 bytes; allowed: at most 64 bytes$/],
    [".x", "invalid_format", /^given ".x", which begins with a dot; allowed: /],
    [7, "invalid_type", /^given 7, which is not a string; allowed: /],
    [null, "invalid_type", /^given null, which is not a string/],
    [["a"], "invalid_type", /^given a list of 1, which is not a string/],
    ["-x", "invalid_format", /^given "-x", which has another form; allowed: /],
    ["a b", "invalid_format", /which has another form/],
    ["x\n", "invalid_format", /which has another form/],
    ["é", "invalid_format", /which has another form/],
  ];
  for (const [name, reason, message] of table) {
    const issue = toolNameIssue(name);
    assert.equal(issue?.reason, reason);
    assert.match(issue?.message ?? "", message);
  }
});
