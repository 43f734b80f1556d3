/** Tests of everything that src/store/blobs/blobs.ts promises, for any driver. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { nextTurn } from "../../../src/async/mod.ts";
import type { BlobRef, Blobs } from "../../../src/store/mod.ts";
import { assertSame, bytesOf } from "../samples.ts";
import { listOf, put, readAll, refOf, tempDir } from "./blob_kit.ts";

/** A driver to test. */
export interface BlobsDriver {
  /** The name in the names of the tests. */
  readonly name: string;
  /** Makes a place without blobs. */
  place(): Promise<BlobsPlace>;
}

/** A place that successive hosts open. */
export interface BlobsPlace extends AsyncDisposable {
  /** Opens the blobs of this place. The test closes them. */
  open(): Promise<Blobs>;
}

/** Registers the tests of a driver. */
export function testBlobs(driver: BlobsDriver): void {
  testWrites(driver);
  testFiles(driver);
  testReads(driver);
  testRemoval(driver);
  testClosing(driver);
}

const REFUSED = { name: "InvalidInputError", code: "invalid_input", retryable: false };
const CLOSED = { code: "shutting_down", message: /^Cannot .*: the store is closed$/ };
const none = (): Promise<boolean> => Promise.resolve(false);
const named = (): Promise<boolean> => Promise.resolve(true);

function testWrites({ name, place }: BlobsDriver): void {
  Deno.test(`${name}: a blob of any length comes back byte for byte, named by its hash`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    for (const length of [0, 1, 65_536, 262_143, 262_144, 262_145, 3_000_001, 20_000_001]) {
      const bytes = bytesOf(length);
      using held = await put(blobs, bytes);
      assert.deepEqual({ sha256: held.sha256, bytes: held.bytes }, await refOf(bytes));
      assertSame(await readAll(blobs, held), bytes);
    }
  });

  Deno.test(`${name}: a writer takes chunks of any length, and counts them`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await using writer = await blobs.create();
    const bytes = bytesOf(1_200_000);
    let sent = 0;
    for (const length of [0, 1, 7, 300_000, 0, 262_144, 600_000, 37_848]) {
      await writer.write(bytes.subarray(sent, sent + length));
      sent += length;
      assert.equal(writer.bytes, sent);
    }
    using held = await writer.finish();
    assertSame(await readAll(blobs, held), bytes);
  });

  Deno.test(`${name}: a blob shares no buffer with the caller`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const bytes = bytesOf(1_000);
    await using writer = await blobs.create();
    await writer.write(bytes);
    bytes.fill(0);
    using held = await writer.finish();
    const got = await readAll(blobs, held);
    assertSame(got, bytesOf(1_000));
    got?.fill(0);
    assertSame(await readAll(blobs, held), bytesOf(1_000));
  });

  Deno.test(`${name}: equal bytes are kept once, whoever writes them, in whatever chunks`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const bytes = bytesOf(300_000);
    const write = async (length: number): Promise<BlobRef> => {
      await using writer = await blobs.create();
      for (let i = 0; i < bytes.length; i += length) {
        await writer.write(bytes.subarray(i, i + length));
      }
      using held = await writer.finish();
      return { sha256: held.sha256, bytes: held.bytes };
    };
    const refs = await Promise.all([300_000, 1_000, 77_777, 300_000, 9_999].map(write));
    const ref = await refOf(bytes);
    assert.deepEqual(refs, refs.map(() => ref));
    const [found, ...others] = await listOf(blobs);
    assert.deepEqual(others, []);
    assert.deepEqual({ sha256: found?.sha256, bytes: found?.bytes }, ref);
    assert.ok(Math.abs((found?.writtenAt ?? 0) - Date.now()) < 60_000);
  });

  Deno.test(`${name}: a writer that was given up leaves nothing, and takes nothing more`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const writer = await blobs.create();
    await writer.write(bytesOf(500_000));
    await writer[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
    await assert.rejects(writer.write(bytesOf(1)), { code: "store_failed" });
    await assert.rejects(writer.finish(), { code: "store_failed" });
    assert.deepEqual(await listOf(blobs), []);
    assert.equal(await blobs.open(await refOf(bytesOf(500_000))), undefined);
  });

  Deno.test(`${name}: a finished writer takes nothing more, and its blob stays as it is`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await using writer = await blobs.create();
    await writer.write(bytesOf(10));
    using held = await writer.finish();
    await assert.rejects(writer.write(bytesOf(1)), { code: "store_failed" });
    await assert.rejects(writer.finish(), { code: "store_failed" });
    assertSame(await readAll(blobs, held), bytesOf(10));
  });

  Deno.test(`${name}: writers do not disturb each other`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await Promise.all([1, 2, 3, 4, 5, 6].map(async (seed) => {
      const bytes = bytesOf(400_000 + seed, seed);
      await using writer = await blobs.create();
      for (let i = 0; i < bytes.length; i += 30_000) {
        await writer.write(bytes.subarray(i, i + 30_000));
      }
      using held = await writer.finish();
      assertSame(await readAll(blobs, held), bytes);
    }));
    assert.equal((await listOf(blobs)).length, 6);
  });
}

function testFiles({ name, place }: BlobsDriver): void {
  for (const move of [false, true]) {
    Deno.test(`${name}: adopt() makes a blob of a file, ${move ? "and takes it away" : "which stays"}`, async () => {
      await using at = await place();
      await using blobs = await at.open();
      await using dir = await tempDir();
      const path = join(dir.path, "file");
      for (const [i, length] of [0, 5, 700_000, 5, 20_000_001].entries()) {
        const bytes = bytesOf(length);
        await Deno.writeFile(path, bytes);
        using held = await blobs.adopt(path, { move });
        assert.deepEqual({ sha256: held.sha256, bytes: held.bytes }, await refOf(bytes));
        assertSame(await readAll(blobs, held), bytes);
        assert.equal(await Deno.stat(path).then(() => true, () => false), !move, `file ${i}`);
        if (move) continue;
        await Deno.writeFile(path, new Uint8Array([1, 2, 3]));
        assertSame(await readAll(blobs, held), bytes);
      }
    });

    Deno.test(`${name}: adopt(${move ? "move" : ""}) refuses what is not a file, and names the path`, async () => {
      await using at = await place();
      await using blobs = await at.open();
      await using dir = await tempDir();
      for (const path of [dir.path, join(dir.path, "none"), "/dev/null"]) {
        const message = new RegExp(`path: given "${path}", which is (missing|not a file)`);
        await assert.rejects(blobs.adopt(path, { move }), { ...REFUSED, message });
      }
      assert.deepEqual(await listOf(blobs), []);
    });
  }

  Deno.test(`${name}: link() puts a file that is only to be read, and that outlives the blob`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await using dir = await tempDir();
    const bytes = bytesOf(600_000);
    const held = await put(blobs, bytes);
    const paths = ["a", "b"].map((it) => join(dir.path, it));
    for (const path of paths) {
      assert.equal(await blobs.link(held, path), true);
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o444);
    }
    held[Symbol.dispose]();
    assert.equal(await blobs.remove(held.sha256, none), true);
    for (const path of paths) assertSame(await Deno.readFile(path), bytes);
  });

  Deno.test(`${name}: link() overwrites nothing, and returns false for a missing blob`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await using dir = await tempDir();
    const path = join(dir.path, "there");
    await Deno.writeTextFile(path, "mine");
    using held = await put(blobs, bytesOf(10));
    await assert.rejects(blobs.link(held, path), { code: "store_failed" });
    assert.equal(await Deno.readTextFile(path), "mine");
    const missing = join(dir.path, "missing");
    assert.equal(await blobs.link(await refOf(bytesOf(11)), missing), false);
    assert.equal(await blobs.link({ ...held, bytes: 9 }, missing), false);
    await assert.rejects(Deno.stat(missing), Deno.errors.NotFound);
    assertSame(await readAll(blobs, held), bytesOf(10));
  });
}

function testReads({ name, place }: BlobsDriver): void {
  Deno.test(`${name}: open() reads any part of a blob`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const bytes = bytesOf(600_000);
    await using writer = await blobs.create();
    for (let i = 0; i < bytes.length; i += 70_001) {
      await writer.write(bytes.subarray(i, i + 70_001));
    }
    using held = await writer.finish();
    const places = [0, 1, 70_000, 70_001, 70_002, 262_144, 599_999, 600_000];
    for (const start of places) {
      for (const end of places.filter((it) => it >= start)) {
        assertSame(await readAll(blobs, held, { start, end }), bytes.slice(start, end));
      }
    }
  });

  Deno.test(`${name}: open() refuses a range that is not in the blob, and a hash that is none`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    using held = await put(blobs, bytesOf(10));
    for (const [start, end] of [[-1, 5], [0, 11], [6, 5], [0.5, 5], [0, NaN], [11, 11]] as const) {
      await assert.rejects(blobs.open(held, { start, end }), {
        ...REFUSED,
        message: /range: given/,
      });
    }
    const bad = [
      "",
      "abc",
      held.sha256.toUpperCase(),
      `${held.sha256}0`,
      `../${held.sha256.slice(3)}`,
    ];
    for (const sha256 of bad) {
      const message = /sha256: given .*; allowed: 64 hexadecimal digits/;
      await assert.rejects(blobs.open({ sha256, bytes: 10 }), { ...REFUSED, message });
      await assert.rejects(blobs.link({ sha256, bytes: 10 }, "/none/x"), { ...REFUSED, message });
      await assert.rejects(blobs.remove(sha256, none), { ...REFUSED, message });
    }
    for (const bytes of [-1, 0.5, NaN]) {
      await assert.rejects(blobs.open({ ...held, bytes }), { ...REFUSED, message: /bytes: given/ });
    }
  });

  Deno.test(`${name}: open() returns undefined for a missing blob, or another length`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    using held = await put(blobs, bytesOf(10));
    assert.equal(await blobs.open(await refOf(bytesOf(11))), undefined);
    for (const bytes of [0, 9, 11]) assert.equal(await blobs.open({ ...held, bytes }), undefined);
    assertSame(await readAll(blobs, held), bytesOf(10));
  });

  Deno.test(`${name}: a blob that is removed while it is read is read to its end`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const bytes = bytesOf(2_000_000);
    const held = await put(blobs, bytes);
    held[Symbol.dispose]();
    const stream = await blobs.open(held);
    assert.equal(await blobs.remove(held.sha256, none), true);
    assert.equal(await blobs.open(held), undefined);
    assertSame(await new Response(stream).bytes(), bytes);
  });

  Deno.test(`${name}: a stream may be cancelled at any place`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    using held = await put(blobs, bytesOf(2_000_000));
    for (const chunks of [0, 1, 3]) {
      const reader = (await blobs.open(held))?.getReader();
      for (let i = 0; i < chunks; i++) await reader?.read();
      await reader?.cancel();
    }
    assertSame(await readAll(blobs, held), bytesOf(2_000_000));
  });
}

function testRemoval({ name, place }: BlobsDriver): void {
  Deno.test(`${name}: remove() takes a blob that has no name, and no other`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const [gone, kept] = [await put(blobs, bytesOf(10, 1)), await put(blobs, bytesOf(10, 2))];
    for (const it of [gone, kept]) it[Symbol.dispose]();
    assert.equal(await blobs.remove(gone.sha256, none), true);
    assert.equal(await blobs.remove(gone.sha256, none), true);
    assert.equal(await blobs.remove(kept.sha256, named), false);
    assert.equal(await blobs.open(gone), undefined);
    assert.deepEqual((await listOf(blobs)).map(({ sha256 }) => sha256), [kept.sha256]);
    using again = await put(blobs, bytesOf(10, 1));
    assertSame(await readAll(blobs, again), bytesOf(10, 1));
  });

  Deno.test(`${name}: an error of the question for names leaves the blob`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    (await put(blobs, bytesOf(10)))[Symbol.dispose]();
    const { sha256 } = await refOf(bytesOf(10));
    const fail = (): Promise<boolean> => Promise.reject(new Error("no store"));
    await assert.rejects(blobs.remove(sha256, fail), { code: "store_failed", message: /no store/ });
    assert.equal((await listOf(blobs)).length, 1);
    assert.equal(await blobs.remove(sha256, none), true);
  });

  Deno.test(`${name}: a held blob is removed when its last hold ends, unless it has a name then`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    for (const [seed, isNamed] of [[1, none], [2, named]] as const) {
      const holds = [
        await put(blobs, bytesOf(9, seed)),
        await put(blobs, bytesOf(9, seed)),
      ] as const;
      const [{ sha256 }] = holds;
      assert.equal(await blobs.remove(sha256, isNamed), false);
      holds[0][Symbol.dispose]();
      holds[0][Symbol.dispose]();
      assertSame(await readAll(blobs, holds[1]), bytesOf(9, seed));
      holds[1][Symbol.dispose]();
      // Its turn comes after the removal that the last hold has put off.
      await blobs.remove(sha256, named);
      assert.equal(await blobs.open(holds[0]) !== undefined, isNamed === named);
    }
  });

  Deno.test(`${name}: a removal never takes bytes that somebody writes and names meanwhile`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    await using dir = await tempDir();
    const path = join(dir.path, "file");
    const bytes = bytesOf(3_000);
    await Deno.writeFile(path, bytes);
    const { sha256 } = await refOf(bytes);
    for (let round = 0; round < 150; round++) {
      let isNamed = false;
      let removed = false;
      const write = async (): Promise<void> => {
        for (let turn = 0; turn < round % 7; turn++) await nextTurn();
        using held = round % 3 === 0 ? await blobs.adopt(path) : await put(blobs, bytes);
        for (let turn = 0; turn < round % 5; turn++) await nextTurn();
        assert.ok(await blobs.open(held).then((it) => it?.cancel().then(() => true)), `${round}`);
        isNamed = true;
      };
      const remove = async (): Promise<void> => {
        for (let turn = 0; turn < round % 6; turn++) await nextTurn();
        removed = await blobs.remove(sha256, async () => {
          await nextTurn();
          return isNamed;
        });
      };
      await Promise.all([remove(), write(), remove()]);
      assertSame(await readAll(blobs, { sha256, bytes: bytes.length }), bytes);
      assert.equal(typeof removed, "boolean");
      isNamed = false;
      assert.equal(await blobs.remove(sha256, () => Promise.resolve(isNamed)), true);
      assert.equal(await blobs.open({ sha256, bytes: bytes.length }), undefined);
    }
  });

  Deno.test(`${name}: list() has each blob that is there throughout, while others come and go`, async () => {
    await using at = await place();
    await using blobs = await at.open();
    const kept: string[] = [];
    for (let i = 0; i < 50; i++) {
      using held = await put(blobs, new TextEncoder().encode(`kept ${i}`));
      kept.push(held.sha256);
    }
    const change = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        using held = await put(blobs, new TextEncoder().encode(`gone ${i}`));
        held[Symbol.dispose]();
        await blobs.remove(held.sha256, none);
      }
    };
    const [listed] = await Promise.all([listOf(blobs), change()]);
    const hashes = listed.map(({ sha256 }) => sha256);
    assert.equal(new Set(hashes).size, hashes.length);
    assert.deepEqual(kept.filter((it) => !hashes.includes(it)), []);
  });
}

function testClosing({ name, place }: BlobsDriver): void {
  Deno.test(`${name}: disposing waits for accepted work, and refuses all later work`, async () => {
    await using at = await place();
    await using dir = await tempDir();
    const path = join(dir.path, "file");
    await Deno.writeFile(path, bytesOf(500_000));
    const blobs = await at.open();
    const writer = await blobs.create();
    const finished = await blobs.create();
    await finished.write(bytesOf(300_000));
    const ref = await refOf(bytesOf(300_000));
    const work = [
      writer.write(bytesOf(2_000_000)),
      finished.finish(),
      blobs.adopt(path),
      blobs.remove(ref.sha256, named),
    ];
    const closing = blobs[Symbol.asyncDispose]();
    const settled = Promise.allSettled(work);
    const refuses = async (): Promise<void> => {
      const late: Promise<unknown>[] = [
        blobs.create(),
        blobs.adopt(path),
        blobs.open(ref),
        blobs.link(ref, join(dir.path, "b")),
        blobs.remove(ref.sha256, none),
        listOf(blobs),
        writer.finish(),
      ];
      for (const it of late) await assert.rejects(it, CLOSED);
    };
    await Promise.all([refuses(), closing]);
    for (const it of await settled) assert.equal(it.status, "fulfilled");
    await refuses();
    await blobs[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
  });

  Deno.test(`${name}: disposing ends the streams that are read, with shutting_down`, async () => {
    await using at = await place();
    const blobs = await at.open();
    using held = await put(blobs, bytesOf(5_000_000));
    const readers = [await blobs.open(held), await blobs.open(held)].map((it) => it?.getReader());
    await readers[0]?.read();
    await blobs[Symbol.asyncDispose]();
    for (const reader of readers) {
      const toEnd = async (): Promise<void> => {
        while (!(await reader?.read())?.done);
      };
      await assert.rejects(toEnd(), { code: "shutting_down" });
    }
  });
}
