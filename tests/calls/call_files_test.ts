/** Tests of the folders of calls with files: what is put there, and when it goes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Value } from "../../src/bridge/mod.ts";
import {
  type CallFile,
  CallFiles,
  CallFolders,
  type FileSource,
  HostFiles,
} from "../../src/calls/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { until } from "../fixtures/until.ts";

/** Files in memory, with the pins that are open. */
class MemoryFiles implements FileSource {
  readonly files = new Map<string, CallFile & { readonly text: string }>();
  pins = 0;

  add(id: string, name: string, text: string): void {
    this.files.set(id, { id, name, bytes: text.length, sha256: "0".repeat(64), text });
  }

  // deno-lint-ignore require-await
  async pin(ids: readonly string[]): ReturnType<FileSource["pin"]> {
    const files = ids.map((id) => {
      const file = this.files.get(id);
      if (file !== undefined) return { ...file, text: undefined };
      throw new SnakedenError("unknown_file", "there is no such file", { details: { fileId: id } });
    });
    this.pins++;
    return { files, [Symbol.dispose]: () => this.pins-- };
  }

  async link({ id }: CallFile, path: string): Promise<void> {
    const file = this.files.get(id);
    if (file === undefined) throw new Error("its bytes are gone");
    await Deno.writeTextFile(path, file.text, { createNew: true, mode: 0o444 });
  }

  store(): never {
    throw new Error("not asked for");
  }

  remove(): never {
    throw new Error("not asked for");
  }
}

interface SetUp extends AsyncDisposable {
  readonly source: MemoryFiles;
  readonly root: string;
  readonly files: CallFiles;
  readonly host: HostFiles;
  readonly folderCount: () => Promise<number>;
}

async function setUp(maxFilesPerCall = 100): Promise<SetUp> {
  const root = await Deno.makeTempDir();
  const source = new MemoryFiles();
  source.add("f1", "a.csv", "one");
  source.add("f2", "a.csv", "two");
  source.add("f3", "A.csv", "three");
  const folders = new CallFolders(join(root, "files"));
  const limits = { maxFilesPerCall };
  const folderCount = async (): Promise<number> => {
    try {
      return (await Array.fromAsync(Deno.readDir(join(root, "files")))).length;
    } catch {
      return 0;
    }
  };
  return {
    source,
    root,
    folderCount,
    files: new CallFiles({ source, folders, limits }),
    host: new HostFiles(source, limits),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

Deno.test("files lie in one folder, read-only and with their names, until nobody holds them", async () => {
  await using it = await setUp();
  const given = Value.from({ a: { $file: "f1" }, b: [{ $file: "f2" }, { $file: "f1" }] });
  const opened = await it.files.open(given);
  // deno-lint-ignore no-explicit-any
  const { a, b } = JSON.parse(opened.text) as any;
  assert.equal(a.$snakeden, "file");
  assert.equal(a.path, join(it.root, "files", "1", "a.csv"));
  assert.equal(b[1].path, a.path);
  assert.equal(await Deno.readTextFile(a.path), "one");
  assert.equal(b[0].path.endsWith("/a.csv"), true);
  assert.notEqual(b[0].path, a.path);
  assert.equal(await Deno.readTextFile(b[0].path), "two");
  assert.equal(it.source.pins, 1);
  assert.equal(opened.given, given);

  opened.files?.hold();
  opened.files?.release();
  assert.equal(it.source.pins, 1);
  assert.equal(await it.folderCount(), 1);
  opened.files?.release();
  assert.equal(it.source.pins, 0);
  await until(async () => await it.folderCount() === 0, "the folder is gone");
});

Deno.test("an unknown file is refused with its path, and nothing is left", async () => {
  await using it = await setUp();
  await assert.rejects(it.files.open(Value.from({ a: { $file: "f1" }, b: { $file: "gone" } })), {
    code: "unknown_file",
    message: "Cannot use a file: args.b: there is no such file",
    details: {
      path: "args.b",
      fileId: "gone",
      issues: [{ path: "args.b", message: "there is no such file" }],
    },
  });
  assert.equal(it.source.pins, 0);
  assert.equal(await it.folderCount(), 0);
});

Deno.test("a file that cannot be put there leaves no folder and no pin", async () => {
  await using it = await setUp();
  const link = it.source.link.bind(it.source);
  it.source.link = (file, path) =>
    file.id === "f2" ? Promise.reject(new Error("its bytes are gone")) : link(file, path);
  const opening = it.files.open(Value.from({ a: { $file: "f1" }, b: { $file: "f2" } }));
  await assert.rejects(opening, { message: "its bytes are gone" });
  assert.equal(it.source.pins, 0);
  await until(async () => await it.folderCount() === 0, "the folder is gone");
});

Deno.test("the files of a call have a limit, which counts each file once", async () => {
  await using it = await setUp(2);
  const repeated = await it.files.open(
    Value.from({ a: [{ $file: "f1" }, { $file: "f1" }, { $file: "f1" }, { $file: "f2" }] }),
  );
  repeated.files?.release();
  const many = Value.from({ a: [{ $file: "f1" }, { $file: "f2" }, { $file: "f3" }] });
  const refusal = {
    code: "invalid_input",
    details: {
      issues: [{
        path: "args.a[2]",
        message: "given 3 files; allowed: at most 2 in one call (files.maxFilesPerCall)",
      }],
    },
  };
  await assert.rejects(it.files.open(many), refusal);
  await assert.rejects(it.host.describe(many, "args"), refusal);
  assert.equal(it.source.pins, 0);
  await until(async () => await it.folderCount() === 0, "the folder is gone");
});

Deno.test("arguments that only look like files are passed on as they are", async () => {
  await using it = await setUp();
  const args = Value.from({ text: "$file" });
  assert.equal(it.files.concerns(args), true);
  assert.equal(await it.files.open(args), args);
  assert.equal(it.files.concerns(Value.from({ text: "file" })), false);
  assert.equal(it.source.pins, 0);
});

Deno.test("host tools get descriptions, whose files stay until they are disposed of", async () => {
  await using it = await setUp();
  {
    using described = await it.host.describe(Value.from({ a: { $file: "f1" } }), "args");
    assert.deepEqual(described.args.decode(), {
      a: { id: "f1", name: "a.csv", bytes: 3, sha256: "0".repeat(64) },
    });
    assert.equal(it.source.pins, 1);
  }
  assert.equal(it.source.pins, 0);
  using plain = await it.host.describe(Value.from({ a: "$file" }), "args");
  assert.deepEqual(plain.args.decode(), { a: "$file" });
});
