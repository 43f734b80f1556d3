/** Tests that files named in comments and on pages exist. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../scripts/dev_python.ts";

const PLACES = [
  "README.md",
  "CONTRIBUTING.md",
  "main.ts",
  "mod.ts",
  ...["bench", "docs", "examples", "proto", "python/README.md", "python/src", "scripts", "src"],
];
const TEXT = /\.(?:md|proto|py|ts)$/;
const NAMED = /(?<![\w/.-])(?:bench|docs|examples|proto|python|scripts|src|tests)\/[\w./-]*\w/g;

function* filesIn(place: string): Generator<string> {
  if (!Deno.statSync(join(ROOT, place)).isDirectory) return yield place;
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, place))) {
    if (name.startsWith(".") || name === "gen" || name === "__pycache__") continue;
    if (isDirectory || TEXT.test(name)) yield* filesIn(`${place}/${name}`);
  }
}

Deno.test("Paths of files in comments and pages exist", () => {
  const wrong: string[] = [];
  let count = 0;
  for (const file of PLACES.flatMap((it) => [...filesIn(it)])) {
    for (const [path] of Deno.readTextFileSync(join(ROOT, file)).matchAll(NAMED)) {
      // NAME stands for a file that a reader will write.
      if (!TEXT.test(path) || path.includes("NAME")) continue;
      count++;
      try {
        Deno.statSync(join(ROOT, path));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        wrong.push(`${file} names ${path}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count > 50, `only ${count} paths were found`);
});
