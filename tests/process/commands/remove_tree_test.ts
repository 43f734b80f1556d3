/** Trees that programs leave on the disk. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { removeTree } from "../../../src/process/mod.ts";
import { tempDir } from "../../fixtures/host.ts";

/** Makes folders inside each other, deeper than a path can say. */
const DEEP = `
import os, sys
os.chdir(sys.argv[1])
for _ in range(20_000):
    os.mkdir("d")
    os.chdir("d")
`;

async function python(code: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command("python3", { args: ["-c", code, ...args] }).output();
  assert.ok(success);
}

Deno.test("removeTree() removes a tree of 20,000 levels without ending this process", async () => {
  await using folder = await tempDir();
  const path = join(folder.path, "tree");
  await Deno.mkdir(path);
  await python(DEEP, path);
  await removeTree(path);
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("removeTree() removes closed folders and links, but not what they point to", async () => {
  await using folder = await tempDir();
  const [path, kept] = [join(folder.path, "-tree"), join(folder.path, "kept")];
  await Deno.mkdir(join(path, "closed", "inner"), { recursive: true });
  await Deno.mkdir(kept);
  await Deno.writeTextFile(join(kept, "file"), "kept");
  await Deno.symlink(kept, join(path, "link"));
  for (let n = 0; n < 100; n++) await Deno.mkdir(join(path, "closed", "inner", String(n)));
  await Deno.chmod(join(path, "closed", "inner"), 0);
  await Deno.chmod(join(path, "closed"), 0);
  await removeTree(path);
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
  assert.equal(await Deno.readTextFile(join(kept, "file")), "kept");
  await removeTree(path);
});
