import assert from "node:assert/strict";
import { join } from "node:path";
import { readTypesFlags } from "../../scripts/tool_types/command_line.ts";
import { firstDifference, writeWholeFile } from "../../scripts/tool_types/written_file.ts";

async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-types-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("readTypesFlags() reads the choices", () => {
  assert.deepEqual(readTypesFlags([]), { check: false, help: false });
  assert.deepEqual(
    readTypesFlags(["--config", "a.json", "--out=b.ts", "--stubs", "c", "--check"]),
    { config: "a.json", out: "b.ts", stubs: "c", check: true, help: false },
  );
});

Deno.test("readTypesFlags() names the flag that is wrong", () => {
  assert.throws(() => readTypesFlags(["--cheque"]), /--cheque/);
  assert.throws(() => readTypesFlags(["--out"]), /--out/);
  assert.throws(() => readTypesFlags(["--out="]), {
    message: "--out: given an empty text; allowed: a path",
  });
  assert.throws(() => readTypesFlags(["file.ts"]), /file\.ts/);
});

Deno.test("firstDifference() shows the first line that differs, and ignores line ends", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "a.ts");
    assert.equal(await firstDifference(path, "a\n"), "there is no such file");
    await Deno.writeTextFile(path, "a\r\nb\r\n");
    assert.equal(await firstDifference(path, "a\nb\n"), undefined);
    assert.equal(await firstDifference(path, "a\nc\n"), "line 2\n- b\n+ c");
    assert.equal(await firstDifference(path, "a\nb\n\nd"), "line 4\n- (end of file)\n+ d");
    assert.equal(await firstDifference(path, "a\nb"), "line 3\n- \n+ (end of file)");
  });
});

Deno.test("writeWholeFile() replaces a file, and leaves no other behind if it cannot", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "made/a.ts");
    await writeWholeFile(path, "one");
    await writeWholeFile(path, "two");
    assert.equal(await Deno.readTextFile(path), "two");
    await Deno.mkdir(join(dir, "made/folder"));
    await assert.rejects(writeWholeFile(join(dir, "made/folder"), "three"));
    assert.deepEqual([...Deno.readDirSync(join(dir, "made"))].map(({ name }) => name).sort(), [
      "a.ts",
      "folder",
    ]);
  });
});
