/** Tests that only src/kv uses Deno KV, and that the port above it depends on no engine. */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const KV = /\bDeno\.(openKv|Kv\w*|AtomicOperation|AtomicCheck)\b|\bKv(Key|Entry|Consistency)\w*/;

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return filesBelow(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

function namingKv(paths: readonly string[]): string[] {
  return paths.filter((path) => KV.test(Deno.readTextFileSync(path)))
    .map((path) => relative(ROOT, path));
}

Deno.test("src/kv is the only folder that names Deno KV", () => {
  const folders = ["src", "scripts", "bench", "examples"].map((it) => join(ROOT, it));
  const all = [join(ROOT, "main.ts"), join(ROOT, "mod.ts"), ...folders.flatMap(filesBelow)];
  const [own, others] = [true, false].map((isOwn) =>
    all.filter((it) => it.startsWith(join(ROOT, "src/kv/")) === isOwn)
  );
  assert.deepEqual(namingKv(others ?? []), []);
  assert.ok(namingKv(own ?? []).length > 3);
});

Deno.test("src/host/store/open_store.ts is the only file that chooses the driver", () => {
  const importers = filesBelow(join(ROOT, "src"))
    .filter((path) => /from "[^"\n]*\/kv\//.test(Deno.readTextFileSync(path)))
    .map((path) => relative(ROOT, path));
  assert.deepEqual(importers, ["src/host/store/open_store.ts"]);
});

Deno.test("src/kv/mod.ts exports nothing that takes or returns a type of Deno KV", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", join(ROOT, "src/kv/mod.ts")],
    cwd: ROOT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const text = new TextDecoder().decode(stdout);
  assert.match(text, /KvStore/);
  assert.doesNotMatch(text, KV);
});

Deno.test("src/store imports zod, errors, the log, the rule of session ids, async, collections and itself only", () => {
  const imports = filesBelow(join(ROOT, "src/store")).flatMap((path) =>
    [...Deno.readTextFileSync(path).matchAll(/(?:from|import\() ?"([^"]+)"/g)].map(([, it = ""]) =>
      it.startsWith(".") ? relative(ROOT, join(path, "..", it)) : it
    )
  );
  const allowed =
    /^(zod|node:(buffer|crypto)|src\/(errors|log|session_id|(async|collections)\/mod)\.ts|src\/store\/.*)$/;
  assert.deepEqual(imports.filter((it) => !allowed.test(it)), []);
  assert.ok(imports.length > 5);
});
