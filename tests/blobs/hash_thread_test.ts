/** Tests of large files, whose bytes a thread hashes while they are written. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { HashThread } from "../../src/blobs/hash_thread.ts";
import { nameOf, PartFile } from "../../src/blobs/part_file.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";
import { tempDir } from "../store/blobs/blob_kit.ts";

const CHUNK = crypto.getRandomValues(new Uint8Array(65_536));
/** More than the event loop hashes alone, and more than one sync covers. */
const CHUNKS = 1_100;

function sha256Of(chunks: number): string {
  const hash = createHash("sha256");
  for (let i = 0; i < chunks; i++) hash.update(CHUNK);
  return hash.digest("hex");
}

async function write(part: PartFile, chunks: number): Promise<void> {
  for (let i = 0; i < chunks; i++) await part.write(CHUNK);
}

Deno.test("FileHash is the hash of a file that grows", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "file");
  using file = await Deno.open(path, { write: true, create: true });
  using thread = new HashThread();
  using followed = thread.follow(path);
  for (let i = 1; i <= 200; i++) {
    await file.write(CHUNK);
    followed.advance(i * CHUNK.length);
  }
  await until(() => followed.bytes > 0, "the thread to have begun before the end");
  assert.equal(await followed.digest(200 * CHUNK.length), sha256Of(200));
});

Deno.test("HashThread hashes several files at once", async () => {
  await using dir = await tempDir();
  const paths = [1, 2, 3].map((it) => join(dir.path, `${it}`));
  for (const [i, path] of paths.entries()) {
    await Deno.writeFile(path, ReadableStream.from(Array.from({ length: 300 + i }, () => CHUNK)));
  }
  using thread = new HashThread();
  const names = await Promise.all(paths.map((path) => nameOf(path, thread)));
  assert.deepEqual(
    names,
    paths.map((_, i) => ({ sha256: sha256Of(300 + i), bytes: (300 + i) * CHUNK.length })),
  );
});

Deno.test("FileHash.digest() fails for a file that is missing or shorter, and after its thread has ended", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "file");
  await Deno.writeFile(path, CHUNK);
  using thread = new HashThread();
  using missing = thread.follow(join(dir.path, "none"));
  await assert.rejects(missing.digest(1), /No such file/);
  using short = thread.follow(path);
  await assert.rejects(short.digest(65_537), /the file ends after 65536 of 65537 bytes/);
  using late = thread.follow(path);
  thread[Symbol.dispose]();
  await assert.rejects(late.digest(65_536), /the store is closed/);
});

Deno.test("PartFile has the name of its bytes, also when the thread cannot start or ends", async () => {
  await using dir = await tempDir();
  const expected = { sha256: sha256Of(CHUNKS), bytes: CHUNKS * CHUNK.length };
  for (const endsAfter of [0, CHUNKS / 2, CHUNKS]) {
    using thread = new HashThread();
    const part = await PartFile.create(join(dir.path, `${endsAfter}`), thread);
    try {
      await write(part, endsAfter);
      thread[Symbol.dispose]();
      await write(part, CHUNKS - endsAfter);
      assert.deepEqual(await part.seal(), expected, `the thread ends after ${endsAfter} chunks`);
      await part.sync();
    } finally {
      await part.drop();
    }
  }
});

Deno.test("HashThread tries once to start a thread that is not there, and PartFile does without", async () => {
  await using dir = await tempDir();
  await using log = new LogSink();
  using thread = new HashThread(new URL("no_such_thread.ts", import.meta.url));
  for (const i of [1, 2]) {
    const part = await PartFile.create(join(dir.path, `${i}`), thread);
    try {
      await write(part, CHUNKS);
      assert.equal((await part.seal()).sha256, sha256Of(CHUNKS));
    } finally {
      await part.drop();
    }
  }
  const warnings = (await log.text()).match(/large files are hashed without a separate thread/g);
  assert.equal(warnings?.length, 1);
});

Deno.test("PartFile that is dropped during a write keeps nothing open", async () => {
  await using dir = await tempDir();
  using thread = new HashThread();
  // The next write reaches the length from which on the thread hashes, or what one sync covers.
  for (const chunks of [255, 1_023]) {
    const part = await PartFile.create(join(dir.path, "part"), thread);
    await write(part, chunks);
    const writing = write(part, 2).then(() => "written", () => "refused");
    await part.drop();
    assert.equal(await writing, "refused");
    assert.deepEqual(await Array.fromAsync(Deno.readDir(dir.path)), []);
  }
});
