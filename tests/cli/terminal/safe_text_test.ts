import assert from "node:assert/strict";
import fc from "fast-check";
import { safeJson, safeLine, safeText } from "../../../src/cli/terminal/mod.ts";

// deno-lint-ignore no-control-regex
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

Deno.test("safeText() writes control characters as escapes, and keeps tabs and line breaks", () => {
  assert.equal(safeText("a\x1b[31mred\x07\x9b2J"), "a\\x1b[31mred\\x07\\x9b2J");
  assert.equal(safeText("a\tb\r\nc\rd\n"), "a\tb\nc\\x0dd\n");
  assert.equal(safeText("abc\u202edef"), "abc\\u202edef");
  assert.equal(safeText("Grüße 世界 👩‍👩‍👧"), "Grüße 世界 👩‍👩‍👧");
});

Deno.test("safeLine() makes one line of a text", () => {
  assert.equal(safeLine("a\nb\r\n\tc\u2028d"), "a b c d");
});

Deno.test("safeText(), safeLine() and safeJson() let no control character through", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(safeText(text), UNSAFE);
    assert.doesNotMatch(safeLine(text), /[\n\t]/);
    assert.doesNotMatch(safeJson({ [text]: text }), UNSAFE);
    assert.deepEqual(JSON.parse(safeJson({ [text]: [text] })), { [text]: [text] });
  }));
});
