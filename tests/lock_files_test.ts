/**
 * Tests the lock files. The first start of a server fetches what deno.lock lists; tests/deno.lock
 * adds the packages of tests/packages, which only tests use.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import denoJson from "../deno.json" with { type: "json" };
import { ROOT } from "../scripts/dev_python.ts";

const MAX_PACKAGES = 70;
const MAX_BYTES = 60_000_000;
/** The files and folders outside of tests/ that a user starts. */
const ENTRANCES = [
  "main.ts",
  "mod.ts",
  "src/cli/main.ts",
  "scripts/setup.ts",
  "scripts/doctor.ts",
  "examples/",
];

interface LockFile {
  readonly specifiers: Record<string, string>;
  /** The packages by name, version, and versions of peers: `zod@4.6.7`, `a@1.0.0_zod@4.6.7`. */
  readonly npm: Record<string, { readonly integrity: string }>;
}

function lockFile(path: string): LockFile {
  return JSON.parse(Deno.readTextFileSync(join(ROOT, path)));
}

async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(success, `deno ${args.join(" ")}: ${text}${new TextDecoder().decode(stderr)}`);
  return text;
}

/** Returns the folders of the packages in the cache of Deno. */
async function packageFolders(keys: readonly string[]): Promise<string[]> {
  const { npmCache } = JSON.parse(await deno("info", "--json"));
  const registries = [...Deno.readDirSync(npmCache)].filter((it) => it.isDirectory);
  return keys.map((key) => {
    const [, name = "", version = ""] = /^(@?[^@]+)@([^_]+)/.exec(key) ?? [];
    const folders = registries.map((it) => join(npmCache, it.name, name, version)).filter(exists);
    assert.equal(folders.length, 1, `${key} is in the cache`);
    return folders[0] ?? "";
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function bytesIn(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    bytes += isDirectory ? bytesIn(path) : Deno.statSync(path).size;
  }
  return bytes;
}

Deno.test("deno.lock has every package of a server, a script and the examples", async () => {
  await deno("cache", "--quiet", "--frozen", "--lock=deno.lock", ...await entrances());
});

/** Returns the files of ENTRANCES. */
async function entrances(): Promise<string[]> {
  const files: string[] = [];
  for (const entrance of ENTRANCES) {
    if (!entrance.endsWith("/")) files.push(entrance);
    else {
      for await (const { name } of Deno.readDir(join(ROOT, entrance))) {
        if (name.endsWith(".ts")) files.push(entrance + name);
      }
    }
  }
  return files;
}

Deno.test("deno.lock lists few and small packages, and none that deno.json does not name", async () => {
  const { npm, specifiers } = lockFile("deno.lock");
  const named = Object.values(denoJson.imports).filter((it) => /^npm:[^/]/.test(it));
  assert.deepEqual(
    Object.keys(specifiers).sort(),
    named.sort(),
    "a command without --lock=tests/deno.lock has added packages; restore deno.lock",
  );
  const keys = Object.keys(npm);
  assert.ok(keys.length <= MAX_PACKAGES, `${keys.length} packages, of ${MAX_PACKAGES} allowed`);
  const bytes = (await packageFolders(keys)).reduce((sum, it) => sum + bytesIn(it), 0);
  assert.ok(bytes <= MAX_BYTES, `${bytes} bytes, of ${MAX_BYTES} allowed`);
});

Deno.test("deno.json freezes deno.lock, so that a bare deno test adds nothing", () => {
  assert.deepEqual(denoJson.lock, { frozen: true });
});

Deno.test("deno.json imports nothing from tests, which deno install in a linked project would fetch", () => {
  const files = Object.values(denoJson.imports).filter((it) => it.startsWith("./"));
  assert.deepEqual(files, [
    "./mod.ts",
    "./src/client/mod.ts",
    "./src/spawn/mod.ts",
    "./src/testing/mod.ts",
    "./src/testing/fake/mod.ts",
  ]);
  assert.deepEqual(Object.keys(denoJson.scopes), ["./tests/"]);
});

Deno.test("tests/deno.lock locks the packages of a server as deno.lock does", () => {
  const tests = lockFile("tests/deno.lock");
  const server = lockFile("deno.lock");
  for (const part of ["specifiers", "npm"] as const) {
    const common = Object.entries(tests[part]).filter(([key]) => key in server[part]);
    assert.deepEqual(Object.fromEntries(common), server[part], part);
  }
});
