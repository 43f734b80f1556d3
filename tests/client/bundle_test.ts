import assert from "node:assert/strict";
import { join } from "node:path";
import { tempDir } from "../fixtures/host.ts";
import { bundle } from "./bundles.ts";

/** The largest bundle, minified: what a page has to load. */
const MAX_BYTES = 80 * 1024;

Deno.test("the bundle of the client needs no runtime, no package and no part of the host", async () => {
  await using dir = await tempDir();
  const whole = join(dir.path, "client.js");
  await bundle("src/client/mod.ts", whole);
  const text = await Deno.readTextFile(whole);
  assert.match(text, /SnakedenClient/);
  for (
    const foreign of [
      /\bDeno\b(?!'s)/,
      /["']node:/,
      /\bimport\b\s*["'({*]/,
      /\brequire\(/,
      /\bprocess\./,
    ]
  ) {
    const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
    assert.doesNotMatch(code, foreign);
  }
  const modules = [...text.matchAll(/^\/\/ (src\/\S+)$/gm)].map(([, path = ""]) => path);
  const parts = new Set(modules.map((it) => it.split("/")[1]));
  const allowed = [
    "client",
    "values",
    "async",
    "json",
    "errors.ts",
    "near_names.ts",
    "typed_error.ts",
  ];
  assert.ok(modules.length > 10, modules.join());
  assert.deepEqual([...parts].filter((it) => !allowed.includes(it ?? "")), []);
  const small = join(dir.path, "client.min.js");
  await bundle("src/client/mod.ts", small, ["--minify"]);
  const { size } = await Deno.stat(small);
  assert.ok(size <= MAX_BYTES, `${size} bytes; allowed: ${MAX_BYTES}`);
});
