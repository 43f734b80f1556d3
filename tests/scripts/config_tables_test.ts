import assert from "node:assert/strict";
import { configTables, withConfigTables } from "../../scripts/config_tables.ts";
import { ENV_KEYS } from "../../src/config/mod.ts";

const page = new URL("../../docs/configuration.md", import.meta.url);
const MARKED = /<!-- keys -->\n\n(.*)\n<!-- end of keys -->/s;

/** Returns the cells, without the blanks that align columns. */
function cellsOf(markdown: string): string[][] {
  return markdown.split("\n").filter((it) => !/^\| *-/.test(it) && it.trim() !== "")
    .map((line) => line.split("|").map((cell) => cell.trim()));
}

Deno.test("configTables() returns the tables of docs/configuration.md", async () => {
  const text = await Deno.readTextFile(page);
  const [, shown = ""] = MARKED.exec(text) ?? [];
  assert.deepEqual(cellsOf(shown), cellsOf(configTables()));
});

Deno.test("configTables() names every variable that overrides a key", () => {
  for (const [name, path] of Object.entries(ENV_KEYS)) {
    const row = configTables().split("\n").find((it) => it.includes(`\`${name}\``));
    assert.ok(row?.startsWith(`| \`${path.at(-1)}\``), name);
  }
});

Deno.test("withConfigTables() replaces the tables of a page and nothing else", async () => {
  const text = await Deno.readTextFile(page);
  const stale = text.replace(MARKED, "<!-- keys -->\n\nOld.\n\n<!-- end of keys -->");
  assert.notEqual(stale, text);
  assert.equal(await withConfigTables(stale), text);
  assert.equal(await withConfigTables(text), text);
  await assert.rejects(withConfigTables("# No marks\n"), /no marks/);
});
