import assert from "node:assert/strict";
import { LineSplitter } from "../../src/process/line_splitter.ts";

Deno.test("LineSplitter splits at line ends wherever the chunks end", () => {
  const splitter = new LineSplitter();
  const lines = ["a", "b\r", "\nc\n\nd", "e"].flatMap((it) => splitter.push(it));
  assert.deepEqual([...lines, ...splitter.end()], ["ab", "c", "", "de"]);
  assert.deepEqual(splitter.end(), []);
});

Deno.test("LineSplitter keeps the beginning and the end of a line of more than maxChars", () => {
  const splitter = new LineSplitter({ maxChars: 3_000 });
  const fits = "x".repeat(3_000);
  assert.deepEqual(splitter.push(`${fits}\n`), [fits]);
  const long = "b".repeat(952) + "m".repeat(77) + "e".repeat(2_048);
  assert.deepEqual(splitter.push(`${long}\nnext\n`), [
    `${"b".repeat(952)} … 77 characters left out … ${"e".repeat(2_048)}`,
    "next",
  ]);
});

Deno.test("LineSplitter keeps every line whole without a limit", () => {
  const splitter = new LineSplitter({ maxChars: Infinity });
  const long = "x".repeat(100_000);
  splitter.push(long);
  assert.deepEqual(splitter.push(`${long}\n`), [long + long]);
});
