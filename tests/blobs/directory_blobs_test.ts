import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DirectoryBlobs, openDirectoryBlobs } from "../../src/blobs/mod.ts";
import { HostProcess } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";
import { listOf, put, readAll, refOf, tempDir } from "../store/blobs/blob_kit.ts";
import { testBlobs } from "../store/blobs/conformance.ts";
import { assertSame, bytesOf } from "../store/samples.ts";

const HOLDER = fileURLToPath(new URL("blobs_holder.ts", import.meta.url));

testBlobs({
  name: "DirectoryBlobs",
  place: async () => {
    const dir = await tempDir();
    const root = join(dir.path, "blobs");
    return {
      open: () => openDirectoryBlobs(root),
      [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
    };
  },
});

/** A directory of blobs. */
interface Place extends AsyncDisposable {
  readonly root: string;
  open(): Promise<DirectoryBlobs>;
  /** The path of a blob. */
  pathOf(sha256: string): string;
  /** The names of the files in a folder of the directory. */
  namesIn(folder: string): Promise<string[]>;
}

async function placeOf(): Promise<Place> {
  const dir = await tempDir();
  const root = join(dir.path, "blobs");
  return {
    root,
    open: () => openDirectoryBlobs(root),
    pathOf: (sha256) => join(root, sha256.slice(0, 2), sha256),
    namesIn: async (folder) =>
      (await Array.fromAsync(Deno.readDir(join(root, folder)))).map(({ name }) => name),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}

/** Writes a blob in another process, of which the finish may be missing, and kills it. */
async function writeAndKill(mode: "cut" | "whole", root: string): Promise<void> {
  await using host = new HostProcess(["run", "-A", HOLDER, mode, root]);
  await until(() => {
    if (host.ended) throw new Error(host.stdout + host.stderr);
    return host.stdout.includes("written");
  }, "the other process to have written");
  host.kill("SIGKILL");
  await host.finished();
}

Deno.test("DirectoryBlobs: a kill in the middle of a write leaves nothing after the next opening", async () => {
  await using at = await placeOf();
  await writeAndKill("cut", at.root);
  assert.equal((await at.namesIn("incoming")).length, 1);
  await using blobs = await at.open();
  assert.deepEqual(await at.namesIn("incoming"), []);
  assert.deepEqual(await listOf(blobs), []);
});

Deno.test("DirectoryBlobs: a finished blob survives a kill right after it", async () => {
  await using at = await placeOf();
  await writeAndKill("whole", at.root);
  await using blobs = await at.open();
  assertSame(await readAll(blobs, await refOf(bytesOf(1_000_000))), bytesOf(1_000_000));
});

Deno.test("DirectoryBlobs: blobs are files that nobody may write, in folders for their owner alone", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  using held = await put(blobs, bytesOf(10));
  const modeOf = async (path: string): Promise<number> =>
    ((await Deno.stat(path)).mode ?? 0) & 0o777;
  assert.equal(await modeOf(at.pathOf(held.sha256)), 0o444);
  for (const folder of ["", "incoming", "damaged", held.sha256.slice(0, 2)]) {
    assert.equal(await modeOf(join(at.root, folder)), 0o700, folder);
  }
});

Deno.test("DirectoryBlobs: on a full disk, a write fails with the reason, and leaves nothing", async () => {
  await using at = await placeOf();
  // Without the trap, the system would kill a process that writes too much.
  const script = `trap '' XFSZ; ulimit -f 2000; exec "$0" run -A "$1" fill "$2" 2>&1`;
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), HOLDER, at.root],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  assert.match(text, /^put: store_failed true Cannot write a blob: File too large/m);
  assert.match(text, /^incoming: empty$/m);
  assert.match(text, /^first: 10000$/m);
});

Deno.test("DirectoryBlobs: a directory that cannot be written fails at the opening, with the reason", async () => {
  await using dir = await tempDir();
  const root = join(dir.path, "blobs");
  await Deno.writeTextFile(root, "a file is here");
  await assert.rejects(openDirectoryBlobs(root), {
    code: "startup_failed",
    message: /^Cannot open the blobs in .*\/blobs: /,
  });
});

/** Changes the file of a blob, which is write-protected. */
async function change(
  path: string,
  work: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array,
): Promise<void> {
  const bytes = work(await Deno.readFile(path));
  await Deno.remove(path);
  await Deno.writeFile(path, bytes, { mode: 0o444 });
}

for (
  const [how, work] of [
    ["cut off", (it: Uint8Array) => it.subarray(0, it.length / 2)],
    ["empty", () => new Uint8Array()],
    ["too long", (it: Uint8Array) => new Uint8Array([...it, 0])],
  ] as const
) {
  Deno.test(`DirectoryBlobs: a blob that is ${how} is set aside once, and affects no other`, async () => {
    await using at = await placeOf();
    await using blobs = await at.open();
    await using log = new LogSink();
    await using dir = await tempDir();
    using bad = await put(blobs, bytesOf(100_000, 1));
    using good = await put(blobs, bytesOf(100_000, 2));
    await change(at.pathOf(bad.sha256), work);
    const opened = await Promise.all([blobs.open(bad), blobs.open(bad), blobs.open(bad)]);
    assert.deepEqual(opened, [undefined, undefined, undefined]);
    assert.equal(await blobs.link(bad, join(dir.path, "x")), false);
    assertSame(await readAll(blobs, good), bytesOf(100_000, 2));
    const aside = await at.namesIn("damaged");
    assert.equal(aside.length, 1);
    assert.ok(aside[0]?.startsWith(`${bad.sha256}-`));
    const lines = (await log.text()).match(/ERROR store +set aside the blob [0-9a-f]{64} as /g);
    assert.equal(lines?.length, 1);
    using healed = await put(blobs, bytesOf(100_000, 1));
    assertSame(await readAll(blobs, healed), bytesOf(100_000, 1));
  });

  Deno.test(`DirectoryBlobs: equal bytes take the place of a blob that is ${how}`, async () => {
    await using at = await placeOf();
    await using blobs = await at.open();
    await using _log = new LogSink();
    using bad = await put(blobs, bytesOf(100_000));
    await change(at.pathOf(bad.sha256), work);
    using healed = await put(blobs, bytesOf(100_000));
    assertSame(await readAll(blobs, healed), bytesOf(100_000));
    assert.equal((await at.namesIn("damaged")).length, 1);
  });
}

Deno.test("DirectoryBlobs: other bytes of the same length fail a whole read before its end", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  await using log = new LogSink();
  using bad = await put(blobs, bytesOf(1_000_000));
  await change(at.pathOf(bad.sha256), (it) => it.with(999_999, 7));
  const part = await readAll(blobs, bad, { start: 10, end: 20 });
  assertSame(part, bytesOf(1_000_000).slice(10, 20));
  const reader = (await blobs.open(bad))?.getReader();
  let got = 0;
  const toEnd = async (): Promise<void> => {
    for (let it = await reader?.read(); !it?.done; it = await reader?.read()) {
      got += it?.value.length ?? 0;
    }
  };
  await assert.rejects(toEnd(), {
    code: "store_failed",
    message: /^Cannot read the blob [0-9a-f]{64}: its bytes are not those that were written$/,
  });
  assert.ok(got < 1_000_000);
  assert.equal(await blobs.open(bad), undefined);
  assert.match(await log.text(), /ERROR store +set aside the blob/);
});

Deno.test("DirectoryBlobs: a name with a wrong length sets no good blob aside", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  using held = await put(blobs, bytesOf(100));
  assert.equal(await blobs.open({ ...held, bytes: 99 }), undefined);
  assert.deepEqual(await at.namesIn("damaged"), []);
  assertSame(await readAll(blobs, held), bytesOf(100));
});

Deno.test("DirectoryBlobs: link() makes a link, or for root, who could write it, a copy", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  using held = await put(blobs, bytesOf(100_000));
  const path = join(at.root, "..", "linked");
  assert.equal(await blobs.link(held, path), true);
  const [linked, blob] = await Promise.all(
    [path, at.pathOf(held.sha256)].map((it) => Deno.stat(it)),
  );
  assert.equal((linked?.mode ?? 0) & 0o777, 0o444);
  const isWritten = await Deno.writeFile(path, bytesOf(10), { create: false, append: true })
    .then(() => true, () => false);
  assert.equal(linked?.ino === blob?.ino, !isWritten);
  assertSame(await readAll(blobs, held), bytesOf(100_000));
  await assert.rejects(blobs.link(held, path), { code: "store_failed" });
});

Deno.test("DirectoryBlobs.adopt() with move copies a file that has another name", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  const [path = "", other = ""] = ["made", "other"].map((name) => join(at.root, "..", name));
  await Deno.writeFile(other, bytesOf(100_000), { mode: 0o640 });
  await Deno.link(other, path);
  using held = await blobs.adopt(path, { move: true });
  await Deno.writeFile(other, bytesOf(10));
  assertSame(await readAll(blobs, held), bytesOf(100_000));
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  assert.equal(((await Deno.stat(other)).mode ?? 0) & 0o777, 0o640);
});

Deno.test("DirectoryBlobs.adopt() with move makes no copy of a file on the same file system", async () => {
  await using at = await placeOf();
  await using blobs = await at.open();
  const path = join(at.root, "..", "made");
  await Deno.writeFile(path, bytesOf(100_000));
  const { ino } = await Deno.stat(path);
  using held = await blobs.adopt(path, { move: true });
  const info = await Deno.stat(at.pathOf(held.sha256));
  assert.equal(info.ino, ino);
  assert.equal((info.mode ?? 0) & 0o777, 0o444);
  assert.deepEqual(await at.namesIn("incoming"), []);
});

/** A file system in memory, which is another one than that of temporary files. */
const MEMORY = "/dev/shm";
const ignore = !await isOtherFileSystem();

async function isOtherFileSystem(): Promise<boolean> {
  await using dir = await tempDir();
  const [memory, own] = await Promise.all(
    [MEMORY, dir.path].map((it) => Deno.stat(it).then(({ dev }) => dev, () => undefined)),
  );
  return memory !== undefined && memory !== own;
}

Deno.test({
  name: "DirectoryBlobs: files come from other file systems, and go there, as copies",
  ignore,
  fn: async () => {
    await using at = await placeOf();
    await using blobs = await at.open();
    const folder = await Deno.makeTempDir({ dir: MEMORY });
    await using _folder = {
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
    const path = join(folder, "file");
    await Deno.writeFile(path, bytesOf(600_000));
    using held = await blobs.adopt(path, { move: true });
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    assertSame(await readAll(blobs, held), bytesOf(600_000));
    assert.equal(await blobs.link(held, path), true);
    assertSame(await Deno.readFile(path), bytesOf(600_000));
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o444);
    await assert.rejects(blobs.link(held, path), { code: "store_failed" });
    assertSame(await Deno.readFile(path), bytesOf(600_000));
  },
});

Deno.test("DirectoryBlobs: disposing removes what unfinished writers have written", async () => {
  await using at = await placeOf();
  const blobs = await at.open();
  await using writer = await blobs.create();
  await writer.write(bytesOf(100_000));
  assert.equal((await at.namesIn("incoming")).length, 1);
  await blobs[Symbol.asyncDispose]();
  assert.deepEqual(await at.namesIn("incoming"), []);
});
