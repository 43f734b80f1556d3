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

Deno.test("ProgressFile.create() creates a file of zeros that nobody else can read", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    assert.equal(file.path, path);
    assert.deepStrictEqual(await Deno.readFile(path), new Uint8Array(32 + 2 * 131_072));
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
    assert.equal(file.bulkNote(), undefined);
  });
});

/** Writes as a worker does: numbers of 4 bytes, and bytes. */
function writerOf(path: string): Disposable & {
  numbers(at: number, ...values: number[]): void;
  text(offset: number, text: string): void;
} {
  const file = Deno.openSync(path, { write: true });
  const write = (offset: number, bytes: Uint8Array): void => {
    file.seekSync(offset, Deno.SeekMode.Start);
    file.writeSync(bytes);
  };
  return {
    numbers: (at, ...values) => write(4 * at, new Uint8Array(new Uint32Array(values).buffer)),
    text: (offset, text) => write(offset, new TextEncoder().encode(text)),
    [Symbol.dispose]: () => file.close(),
  };
}

Deno.test("ProgressFile.bulkNote() returns the item and the outcomes of the last bulk call", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    using worker = writerOf(path);
    assert.equal(file.bulkNote(), undefined);
    worker.numbers(1, 0xffff_ffff, 9);
    const empty = { first: 0, text: "" };
    assert.deepEqual(file.bulkNote(), { callId: 9, item: undefined, areas: [empty, empty] });
    worker.text(32, "a,\nb,\n");
    worker.text(32 + 131_072, "ä,\n");
    worker.numbers(3, 5, 6, 7, 4);
    worker.numbers(1, 8);
    assert.deepEqual(file.bulkNote(), {
      callId: 9,
      item: 8,
      areas: [{ first: 5, text: "a,\nb,\n" }, { first: 7, text: "ä,\n" }],
    });
  });
});

Deno.test("ProgressFile.bulkNote() reads no further than an area, whatever a tool has written there", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    using worker = writerOf(path);
    worker.numbers(1, 3, 9, 0, 0xffff_ffff, 0, 131_073);
    const areas = file.bulkNote()?.areas ?? [];
    assert.deepEqual(areas.map(({ text }) => text.length), [131_072, 131_072]);
    await Deno.truncate(path, 40);
    assert.deepEqual(file.bulkNote()?.callId, 9);
  });
});
