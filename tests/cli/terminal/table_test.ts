import assert from "node:assert/strict";
import { painted, plain, Table, textWidth } from "../../../src/cli/terminal/mod.ts";

const COLUMNS = [{ name: "ID" }, { name: "N", align: "right" }, { name: "TEXT" }] as const;

Deno.test("Table.lines() lines columns up, also wide characters", () => {
  const table = new Table(COLUMNS, { paint: plain });
  assert.deepEqual(table.lines([["a", "1", "x"], ["世界", "10", "longer"]]), [
    "ID     N  TEXT",
    "a      1  x",
    "世界  10  longer",
  ]);
  // Later rows have the widths of the first ones, and no head.
  assert.deepEqual(table.lines([["b", "2", "y"], ["longest", "3", ""]]), [
    "b      2  y",
    "longest   3",
  ]);
});

Deno.test("Table.lines() cuts the widest columns to the width of a terminal, and never the first", () => {
  const row = ["0123456789", "5", "a text that is long"];
  const linesOf = (width: number): string[] =>
    new Table(COLUMNS, { paint: plain, width }).lines([row]);
  assert.deepEqual(linesOf(24), ["ID          N  TEXT", "0123456789  5  a text t…"]);
  assert.deepEqual(linesOf(18), ["ID          N  TE…", "0123456789  5  a …"]);
  assert.deepEqual(linesOf(10), ["ID", "0123456789"]);
  assert.deepEqual(linesOf(1), ["ID", "0123456789"]);
  for (let width = 10; width < 60; width++) {
    for (const line of linesOf(width)) assert.ok(textWidth(line) <= width, line);
  }
});

Deno.test("Table.lines() leaves columns out that have no room, and then cuts the widest", () => {
  const columns = [
    { name: "ID" },
    { name: "STATE", minWidth: 10 },
    { name: "QUEUE", leaves: 1 },
    { name: "TEXT", minWidth: 8, leaves: 2 },
  ] as const;
  const linesOf = (width: number): string[] =>
    new Table(columns, { paint: plain, width }).lines([[
      "a",
      "completed",
      "default",
      "long ".repeat(4),
    ]]);
  assert.deepEqual(linesOf(40)[1], "a   completed  default  long long long …");
  assert.deepEqual(linesOf(31)[1], "a   completed  defau…  long lo…");
  assert.deepEqual(linesOf(28), ["ID  STATE      TEXT", "a   completed  long long lo…"]);
  // The queue would have left before the text, but fits where the text does not.
  assert.deepEqual(linesOf(21), ["ID  STATE      QUEUE", "a   completed  defau…"]);
  assert.deepEqual(linesOf(20), ["ID  STATE", "a   completed"]);
});

Deno.test("Table.lines() paints cells, which takes no columns", () => {
  const table = new Table(COLUMNS, { paint: painted });
  const [head, line] = table.lines([["a", "1", { text: "ok", style: "green" }]]);
  assert.equal(head, "\x1b[1mID\x1b[0m  \x1b[1mN\x1b[0m  \x1b[1mTEXT\x1b[0m");
  assert.equal(line, "a   1  \x1b[32mok\x1b[0m");
});
