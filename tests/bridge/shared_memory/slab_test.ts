import assert from "node:assert/strict";
import { join } from "node:path";
import { Slab } from "../../../src/bridge/shared_memory/slab.ts";
import { SnakedenError } from "../../../src/errors.ts";

const PAGE = 4096;

/** Runs a test with a slab in a directory of its own. */
function withSlab(bytes: number, run: (slab: Slab, directory: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    using slab = Slab.create(directory, "w1", bytes);
    run(slab, directory);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251);
}

Deno.test("Slab.create() creates two sparse files that only the owner can read", () => {
  withSlab(64 * PAGE, ({ paths }) => {
    for (const path of [paths.toWorker, paths.toHost]) {
      const { size, mode, blocks } = Deno.statSync(path);
      assert.equal(size, 64 * PAGE);
      assert.equal((mode ?? 0) & 0o777, 0o600);
      assert.equal(blocks, 0);
    }
  });
});

Deno.test("Slab.create() leaves nothing if one of the files cannot be created", () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(join(directory, "w1.to_host"), "");
    assert.throws(() => Slab.create(directory, "w1", PAGE), Deno.errors.AlreadyExists);
    assert.deepStrictEqual([...Deno.readDirSync(directory)].map((it) => it.name), ["w1.to_host"]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("Slab.create() refuses a length that does not fit into the protocol", () => {
  for (const bytes of [0, -1, 1.5, 2 ** 32]) {
    assert.throws(() => Slab.create("/nowhere", "w1", bytes), RangeError);
  }
});

Deno.test("Slab.write() writes each buffer to a place of its own", () => {
  withSlab(8 * PAGE, (slab) => {
    const buffers = [pattern(PAGE + 1, 1), pattern(1, 2), pattern(2 * PAGE, 3)];
    const offsets = buffers.map((it) => slab.write(it));
    assert.deepStrictEqual(offsets, [0, 2 * PAGE, 3 * PAGE]);
    const file = Deno.readFileSync(slab.paths.toWorker);
    buffers.forEach((buffer, i) => {
      const offset = offsets[i] ?? 0;
      assert.deepStrictEqual(file.slice(offset, offset + buffer.byteLength), buffer);
    });
  });
});

Deno.test("Slab.write() writes the view, and not all of its buffer", () => {
  withSlab(PAGE, (slab) => {
    assert.equal(slab.write(pattern(100, 5).subarray(10, 20)), 0);
    const file = Deno.readFileSync(slab.paths.toWorker);
    assert.deepStrictEqual(
      file.slice(0, 12),
      Uint8Array.of(...pattern(100, 5).slice(10, 20), 0, 0),
    );
  });
});

Deno.test("Slab.release() frees a place once", () => {
  withSlab(2 * PAGE, (slab) => {
    assert.equal(slab.write(pattern(PAGE, 1)), 0);
    assert.equal(slab.write(pattern(PAGE, 2)), PAGE);
    assert.equal(slab.write(pattern(1, 3)), undefined);
    slab.release([0, 0, 77]);
    assert.equal(slab.placesInUse, 1);
    assert.equal(slab.write(pattern(2 * PAGE, 3)), undefined);
    assert.equal(slab.write(pattern(PAGE, 4)), 0);
  });
});

Deno.test("Slab.read() returns an aligned copy of what the worker wrote", () => {
  withSlab(8 * PAGE, (slab) => {
    const sent = pattern(PAGE + 7, 9);
    writeFrom(slab.paths.toHost, 3 * PAGE, sent);
    const got = slab.read({ offset: 3 * PAGE, length: sent.byteLength });
    assert.deepStrictEqual(got, sent);
    assert.equal(got.byteOffset, 0);
    assert.equal(got.buffer.byteLength, sent.byteLength);
    writeFrom(slab.paths.toHost, 3 * PAGE, pattern(PAGE + 7, 1));
    assert.deepStrictEqual(got, sent);
  });
});

Deno.test("Slab.read() still works once the files have no names", () => {
  withSlab(PAGE, (slab, directory) => {
    writeFrom(slab.paths.toHost, 0, pattern(10, 1));
    slab.unlink();
    slab.unlink();
    assert.deepStrictEqual([...Deno.readDirSync(directory)], []);
    assert.deepStrictEqual(slab.read({ offset: 0, length: 10 }), pattern(10, 1));
    assert.equal(slab.write(pattern(10, 2)), 0);
  });
});

Deno.test("Slab.read() refuses a place beyond the file", () => {
  withSlab(2 * PAGE, (slab) => {
    for (
      const place of [{ offset: 0, length: 2 * PAGE + 1 }, { offset: 0xffff_f000, length: 1 }, {
        offset: PAGE,
        length: 0xffff_ffff,
      }]
    ) {
      assert.throws(
        () => slab.read(place),
        (error) =>
          error instanceof SnakedenError && error.code === "invalid_value" &&
          error.message.endsWith("shared memory that ends at 8192"),
      );
    }
    assert.equal(slab.read({ offset: PAGE, length: PAGE }).byteLength, PAGE);
  });
});

Deno.test("Slab.read() refuses a place beyond the end of a truncated file", () => {
  withSlab(4 * PAGE, (slab) => {
    Deno.truncateSync(slab.paths.toHost, PAGE);
    assert.throws(() => slab.read({ offset: 0, length: 2 * PAGE }), /ends at 4096/);
  });
});

Deno.test("Slab removes its files when it is disposed, even twice", () => {
  withSlab(PAGE, (slab, directory) => {
    slab[Symbol.dispose]();
    slab[Symbol.dispose]();
    assert.deepStrictEqual([...Deno.readDirSync(directory)], []);
  });
});

function writeFrom(path: string, offset: number, bytes: Uint8Array): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  assert.equal(file.writeSync(bytes), bytes.byteLength);
}
