import assert from "node:assert/strict";
import * as fc from "fast-check";
import { LineSplitter } from "../../src/process/line_splitter.ts";
import { withoutMiddle } from "../../src/process/without_middle.ts";

/** Returns the beginning, the number of characters left out, and the end of a shortened text. */
function partsOf(text: string): readonly [head: string, leftOut: number, tail: string] {
  const [head = "", count = "", tail = "", ...more] = text.split(
    / … (\d+) characters left out … /,
  );
  assert.deepEqual(more, [], "a second mark");
  return [head, Number(count), tail];
}

Deno.test("withoutMiddle() keeps a text that fits, and else its beginning and its end", () => {
  assert.equal(withoutMiddle("x".repeat(64), 64), "x".repeat(64));
  assert.equal(
    withoutMiddle(`${"b".repeat(48)}m${"e".repeat(16)}`, 64),
    `${"b".repeat(48)} … 1 characters left out … ${"e".repeat(16)}`,
  );
});

Deno.test("withoutMiddle() counts what was left out of a text before", () => {
  for (const chars of [8_193, 8_220, 20_000, 100_000]) {
    const [line = ""] = new LineSplitter().push(`${"x".repeat(chars)}\n`);
    for (const maxChars of [64, 100, 5_000, 8_191, 8_192]) {
      const [head, leftOut, tail] = partsOf(withoutMiddle(line, maxChars));
      assert.equal(head.length + leftOut + tail.length, chars);
      assert.ok(head.length + tail.length <= maxChars);
    }
    assert.equal(withoutMiddle(line, 8_192), line);
  }
});

Deno.test("withoutMiddle() and LineSplitter cut no pair of surrogates", () => {
  const snakes = "\u{1f40d}".repeat(20_000);
  for (const before of ["", "x"]) {
    const [line = ""] = new LineSplitter().push(`${before}${snakes}\n`);
    const cuts = [line, ...[64, 65, 67, 8_192].map((it) => withoutMiddle(line, it))];
    for (const cut of cuts) {
      assert.ok(cut.isWellFormed());
      const [head, leftOut, tail] = partsOf(cut);
      assert.equal(head.length + leftOut + tail.length, before.length + 40_000);
    }
  }
});

Deno.test("withoutMiddle() counts each character once, however often a text is shortened", () => {
  fc.assert(fc.property(
    fc.string({ unit: "binary", minLength: 0, maxLength: 600 }),
    fc.array(fc.integer({ min: 64, max: 300 }), { minLength: 1, maxLength: 4 }),
    (text, limits) => {
      fc.pre(!text.includes("…"));
      let shortened = text;
      for (const limit of limits) shortened = withoutMiddle(shortened, limit);
      const [head, leftOut, tail] = partsOf(shortened);
      assert.equal(head.length + leftOut + tail.length, text.length);
      assert.ok(text.startsWith(head) && text.endsWith(tail));
    },
  ));
});
