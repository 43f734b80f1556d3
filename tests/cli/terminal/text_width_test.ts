import assert from "node:assert/strict";
import fc from "fast-check";
import { fitText, textWidth, wrapText } from "../../../src/cli/terminal/mod.ts";

Deno.test("textWidth() counts the columns of a terminal", () => {
  const widths: readonly (readonly [text: string, width: number])[] = [
    ["", 0],
    ["abc", 3],
    ["Grüße", 5],
    ["Gru\u0308ße", 5],
    ["世界", 4],
    ["ｆｕｌｌ", 8],
    ["한글", 4],
    ["👍", 2],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["a\u200bb", 2],
  ];
  for (const [text, width] of widths) assert.equal(textWidth(text), width, text);
});

Deno.test("fitText() cuts a text that is too wide, and never in a character", () => {
  assert.equal(fitText("abcdef", 6), "abcdef");
  assert.equal(fitText("abcdef", 4), "abc…");
  assert.equal(fitText("世界世界", 5), "世界…");
  assert.equal(fitText("世界", 2), "…");
  assert.equal(fitText("ab", 1), "…");
  assert.equal(fitText("ab", 0), "");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.nat(20), (text, columns) => {
    assert.ok(textWidth(fitText(text, columns)) <= columns);
  }));
});

Deno.test("wrapText() breaks lines at spaces, and words that are too long anywhere", () => {
  assert.deepEqual(wrapText("one two three", 7), ["one two", "three"]);
  assert.deepEqual(wrapText("  indented\n\nabcdefghij k", 4), [
    ..."  in|dent|ed".split("|"),
    "",
    ..."abcd|efgh|ij k".split("|"),
  ]);
  assert.deepEqual(wrapText("世界 世界", 5), ["世界", "世界"]);
  assert.deepEqual(wrapText("世", 1), ["世"]);
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 2, max: 9 }),
      (text, columns) => {
        const lines = wrapText(text, columns);
        for (const line of lines) assert.ok(textWidth(line) <= columns, line);
        assert.equal(lines.join("").replaceAll(/\s/g, ""), text.replaceAll(/\s/g, ""));
      },
    ),
  );
});
