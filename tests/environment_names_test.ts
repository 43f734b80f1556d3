import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CLIENT_ENV,
  HOST_ENV,
  PROGRAM_ENV,
  SCRIPT_ENV,
  WORKER_ENV,
} from "../src/environment_names.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NAMES: readonly string[] = [
  ...Object.values(HOST_ENV),
  ...Object.values(WORKER_ENV),
  ...Object.values(CLIENT_ENV),
  // A worker has a token, and a script has one; no process has both.
  ...Object.values(SCRIPT_ENV).filter((it) => it !== WORKER_ENV.token),
];

/** Returns the paths of the files below `folder` with this ending. */
function filesIn(folder: string, end: string): string[] {
  return [...Deno.readDirSync(join(ROOT, folder))].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return filesIn(path, end);
    return name.endsWith(end) ? [path] : [];
  });
}

function namesIn(text: string): string[] {
  return [...new Set(text.match(/SNAKEDEN_[A-Z_]+/g))];
}

Deno.test("environment_names.ts is the only file of src that spells a variable of Snakeden", () => {
  const others = filesIn("src", ".ts").filter((path) => {
    const code = Deno.readTextFileSync(join(ROOT, path))
      .replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
    return namesIn(code).length > 0;
  });
  assert.deepEqual(others, ["src/environment_names.ts"]);
});

Deno.test("environment_names.ts has every variable that the Python package reads", () => {
  const texts = filesIn("python/src/snakeden", ".py")
    .map((path) => Deno.readTextFileSync(join(ROOT, path)));
  const read = namesIn(texts.join("\n"));
  assert.ok(read.includes(WORKER_ENV.address));
  assert.deepEqual(read.filter((it) => !NAMES.includes(it)), []);
});

Deno.test("environment_names.ts names each variable once", () => {
  const all = [...NAMES, ...PROGRAM_ENV];
  assert.equal(new Set(all).size, all.length);
});
