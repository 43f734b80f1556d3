import assert from "node:assert/strict";
import fc from "fast-check";
import { MARK, MarkedLines, MAX_MARKED_CHARS } from "../../../src/jobs/scripts/marked_lines.ts";

/** Returns what becomes of a text that arrives in pieces. */
function heard(pieces: readonly string[]): string[] {
  const found: string[] = [];
  const lines = new MarkedLines({
    line: (text) => void found.push(`line ${text}`),
    marked: (text) => {
      if (text === "refused") return false;
      found.push(`marked ${text}`);
      return true;
    },
    tooLong: (text) => void found.push(`too long ${text.slice(0, 10)}`),
  });
  for (const piece of pieces) lines.push(piece);
  lines.end();
  return found;
}

Deno.test("MarkedLines hears the same lines, however their text is cut", () => {
  const part = fc.constantFrom(
    ...[
      "\n",
      "a",
      "::",
      "::snakeden",
      MARK,
      `${MARK}x\n`,
      `\n${MARK}y`,
      `${MARK}refused\n`,
      "\r\n",
    ],
    ...[":", "::snakeden ::snakeden \n", " "],
  );
  fc.assert(fc.property(fc.array(part), (pieces) => {
    const expected = pieces.join("").split("\n").map((it, i, all) =>
      i === all.length - 1 && it === "" ? undefined : it.endsWith("\r") ? it.slice(0, -1) : it
    ).filter((it) => it !== undefined).map((it) =>
      it.startsWith(MARK) && it !== `${MARK}refused`
        ? `marked ${it.slice(MARK.length)}`
        : `line ${it}`
    );
    assert.deepEqual(heard(pieces), expected.map((it) => it));
    assert.deepEqual(heard([...pieces.join("")]), heard([pieces.join("")]));
  }));
});

Deno.test("MarkedLines leaves out a marked line that is too long, and goes on", () => {
  const long = `${MARK}result ${"1".repeat(MAX_MARKED_CHARS)}`;
  const expected = ["too long result 111", "line next"];
  assert.deepEqual(heard([`${long}\nnext`]), expected);
  assert.deepEqual(heard([long.slice(0, 5), long.slice(5), "111", "1\nnext\n"]), expected);
});
