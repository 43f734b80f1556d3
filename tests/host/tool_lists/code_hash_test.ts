import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type CodeLimits, hashCode } from "../../../src/host/tool_lists/mod.ts";
import { tempDir } from "../../fixtures/host.ts";

const LIMITS: CodeLimits = { folders: 10, entries: 100, files: 10, bytes: 1_000 };

async function write(root: string, name: string, text: string): Promise<void> {
  const path = join(root, name);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

async function hashOf(root: string): Promise<string | undefined> {
  return (await hashCode([root], { exclude: [join(root, "data")], limits: LIMITS })).hash;
}

Deno.test("hashCode() changes with the content, name and place of each file of code, and only then", async () => {
  await using dir = await tempDir();
  const { path } = dir;
  const before = await hashOf(path);
  const seen = new Set([before]);
  const expectNew = async (what: string): Promise<void> => {
    const hash = await hashOf(path);
    assert.ok(hash !== undefined && !seen.has(hash), what);
    seen.add(hash);
  };
  await write(path, "a.py", "x = 1");
  await expectNew("a new file");
  await write(path, "a.py", "x = 2");
  await expectNew("the same length");
  await Deno.rename(join(path, "a.py"), join(path, "b.py"));
  await expectNew("another name");
  await write(path, "package/b.py", "x = 2");
  await expectNew("a file below");
  await Deno.rename(join(path, "package"), join(path, "other"));
  await expectNew("another folder");
  await write(path, "native.so", "x");
  await expectNew("a library");
  const last = await hashOf(path);
  await Deno.utime(join(path, "b.py"), 1, 1);
  const foreign = ["t.txt", "__pycache__/a.py", ".hidden/a.py", "env/pyvenv.cfg", "env/a.py"];
  for (const name of [...foreign, "data/a.py", "out/new.csv", "node_modules/a.py", ".a.py"]) {
    await write(path, name, "other");
  }
  assert.equal(await hashOf(path), last);
});

Deno.test("hashCode() takes long files by their length and time", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "native.so");
  await Deno.writeFile(path, new Uint8Array(2 ** 20 + 1));
  await Deno.utime(path, 1, 1);
  const before = await hashOf(dir.path);
  assert.ok(before !== undefined, "it does not count against the limit");
  await Deno.utime(path, 2, 2);
  assert.notEqual(await hashOf(dir.path), before);
});

Deno.test("hashCode() has no hash of code beyond its limits, and says why", async () => {
  const cases: [what: RegExp, files: Record<string, string>][] = [
    [
      /more than 10 files/,
      Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`${i}.py`, ""])),
    ],
    [/more than 1000 bytes/, { "a.py": "x".repeat(1_001) }],
    [
      /cannot be read, or there are too many/,
      Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`${i}/a.py`, ""])),
    ],
  ];
  for (const [problem, files] of cases) {
    await using dir = await tempDir();
    for (const [name, text] of Object.entries(files)) await write(dir.path, name, text);
    const result = await hashCode([dir.path], { exclude: [], limits: LIMITS });
    assert.match(result.problem ?? "", problem);
    assert.equal(result.hash, undefined);
  }
});

Deno.test("hashCode() takes a folder that is missing as an empty one, and notices when it comes", async () => {
  await using dir = await tempDir();
  const root = join(dir.path, "later");
  const before = await hashOf(root);
  assert.ok(before !== undefined);
  await write(root, "a.py", "");
  assert.notEqual(await hashOf(root), before);
});
