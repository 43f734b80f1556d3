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
    assert.deepStrictEqual(await Deno.readFile(path), new Uint8Array(64 + 2 * 131_072));
    const { mode } = await Deno.stat(path);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(file.startedCalls(), [0]);
  });
});

Deno.test("ProgressFile.startedCalls() returns the last note, even after the file's name is removed", async () => {
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
      assert.deepEqual(file.startedCalls(), [id]);
    }
  });
});

Deno.test("ProgressFile.startedCalls() returns 0 when the file was truncated", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path);
    await Deno.truncate(path, 2);
    assert.deepEqual(file.startedCalls(), [0]);
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
    assert.throws(() => file.startedCalls());
    assert.equal(file.bulkNote(1), undefined);
    assert.deepEqual(file.bulkNotes(), []);
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
    assert.equal(file.bulkNote(9), undefined);
    worker.numbers(8, 0xffff_ffff, 9);
    const empty = { first: 0, text: "" };
    assert.deepEqual(file.bulkNote(9), { callId: 9, item: undefined, areas: [empty, empty] });
    assert.equal(file.bulkNote(8), undefined);
    worker.text(64, "a,\nb,\n");
    worker.text(64 + 131_072, "ä,\n");
    worker.numbers(10, 5, 6, 7, 4);
    worker.numbers(8, 8);
    assert.deepEqual(file.bulkNote(9), {
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
    worker.numbers(8, 3, 9, 0, 0xffff_ffff, 0, 131_073);
    const areas = file.bulkNote(9)?.areas ?? [];
    assert.deepEqual(areas.map(({ text }) => text.length), [131_072, 131_072]);
    await Deno.truncate(path, 72);
    assert.deepEqual(file.bulkNote(9)?.callId, 9);
  });
});

Deno.test("ProgressFile keeps a note for each call that may run at a time, and a record for each bulk call", async () => {
  await inDirectory(async (path) => {
    using file = await ProgressFile.create(path, 20);
    using worker = writerOf(path);
    const areaBytes = 25 * 1024;
    const areasAt = 96 + 20 * 32;
    assert.equal((await Deno.stat(path)).size, areasAt + 20 * 2 * areaBytes);
    worker.numbers(0, 7);
    worker.numbers(19, 9);
    assert.deepEqual(file.startedCalls(), [7, ...Array(18).fill(0), 9]);
    worker.numbers((96 + 19 * 32) / 4, 4, 9, 2, 3, 0, 0);
    worker.text(areasAt + 19 * 2 * areaBytes, "x,\n");
    const note = {
      callId: 9,
      item: 4,
      areas: [{ first: 2, text: "x,\n" }, { first: 0, text: "" }],
    };
    assert.deepEqual(file.bulkNote(9), note);
    assert.equal(file.bulkNote(7), undefined);
    assert.deepEqual(file.bulkNotes(), [note]);
  });
});

Deno.test("ProgressFile.create() takes little more than a megabyte, however many calls may run", async () => {
  for (const capacity of [256, 10_000]) {
    await inDirectory(async (path) => {
      using file = await ProgressFile.create(path, capacity);
      assert.equal(file.startedCalls().length, capacity);
      const { size } = await Deno.stat(path);
      assert.ok(size <= 1_048_576 + 4 * capacity + 32 + 256 * 32, `${size} bytes`);
    });
  }
});
