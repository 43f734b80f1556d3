import assert from "node:assert/strict";
import { join } from "node:path";
import { ProgressFile } from "../../../src/pool/workers/progress_file.ts";

async function inDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  try {
    await test(join(directory, "default-1.x.progress"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("ProgressFile.create() creates a file of 8 zero bytes that nobody else can read", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    assert.equal(file.path, path);
    assert.deepStrictEqual(await Deno.readFile(path), new Uint8Array(8));
    const { mode } = await Deno.stat(path);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.equal(file.startedCall(), 0);
  });
});

Deno.test("ProgressFile.startedCall() returns the last note, even after the file's name is removed", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    using worker = await Deno.open(path, { write: true });
    await file.remove();
    await file.remove();
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    for (const id of [1, 77, 0xffff_fffe]) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, id, true);
      worker.seekSync(0, Deno.SeekMode.Start);
      worker.writeSync(bytes);
      assert.equal(file.startedCall(), id);
    }
  });
});

Deno.test("ProgressFile.startedCall() returns 0 when the file was truncated", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    await Deno.truncate(path, 2);
    assert.equal(file.startedCall(), 0);
  });
});

Deno.test("ProgressFile.create() refuses a file that exists already", async () => {
  await inDirectory(async (path) => {
    await Deno.writeTextFile(path, "theirs");
    await assert.rejects(ProgressFile.create(path), Deno.errors.AlreadyExists);
  });
});

Deno.test("ProgressFile[Symbol.dispose]() closes it, and may be called again", async () => {
  await inDirectory(async (path) => {
    const file = await ProgressFile.create(path);
    file[Symbol.dispose]();
    file[Symbol.dispose]();
    assert.throws(() => file.startedCall());
  });
});
