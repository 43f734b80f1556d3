import assert from "node:assert/strict";
import { join } from "node:path";
import { type CodeFileChange, CodeWatcher, isBelow } from "../../src/reload/code_watcher.ts";
import type { FolderLimits } from "../../src/reload/code_folders.ts";
import { tempDir } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";

interface Watched extends AsyncDisposable {
  readonly watcher: CodeWatcher;
  /** All paths that were reported so far, relative to the folder. */
  readonly seen: Set<string>;
  readonly changes: CodeFileChange[];
}

async function watch(
  folder: string,
  options: { exclude?: string[]; limits?: FolderLimits } = {},
): Promise<Watched> {
  const seen = new Set<string>();
  const changes: CodeFileChange[] = [];
  const watcher = await CodeWatcher.open({
    roots: [folder],
    ...options,
    onChange: (change) => {
      changes.push(change);
      for (const path of change.paths) seen.add(path.slice(folder.length + 1));
    },
  });
  return { watcher, seen, changes, [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose]() };
}

async function write(folder: string, ...names: string[]): Promise<void> {
  for (const name of names) {
    await Deno.mkdir(join(folder, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(folder, name), "x = 1\n");
  }
}

Deno.test("CodeWatcher reports files that are written, replaced, renamed and removed, in any folder", async () => {
  await using dir = await tempDir();
  await write(dir.path, "texts.py", "pkg/deep/inner.py", "pkg/old.py", "gone.py");
  await using it = await watch(dir.path);
  assert.equal(it.watcher.size, 3);
  await write(dir.path, "texts.py", "pkg/deep/.inner.py.swp");
  await Deno.rename(
    join(dir.path, "pkg/deep/.inner.py.swp"),
    join(dir.path, "pkg/deep/inner.py"),
  );
  await Deno.rename(join(dir.path, "pkg/old.py"), join(dir.path, "pkg/new.py"));
  await Deno.remove(join(dir.path, "gone.py"));
  const all = ["gone.py", "pkg/deep/inner.py", "pkg/new.py", "pkg/old.py", "texts.py"];
  await until(() => it.seen.size === all.length, "all changes");
  assert.deepEqual([...it.seen].sort(), all);
});

Deno.test("CodeWatcher leaves out what is no code of the user: hidden, foreign and excluded folders, other files", async () => {
  await using dir = await tempDir();
  const foreign = [
    ".git/hook.py",
    "__pycache__/a.py",
    "node_modules/b.py",
    "venv/c.py",
    "data/d.py",
    "mine/e.py",
  ];
  await write(dir.path, ...foreign, "mine/pyvenv.cfg");
  await using it = await watch(dir.path, { exclude: [join(dir.path, "data")] });
  assert.equal(it.watcher.size, 1);
  await write(dir.path, ...foreign, "notes.txt", ".hidden.py", "texts.py~", "texts.pyc", "last.py");
  await Deno.readTextFile(join(dir.path, "last.py"));
  await until(() => it.seen.has("last.py"), "the last one");
  assert.deepEqual([...it.seen], ["last.py"]);
});

Deno.test("CodeWatcher reports several saves as one change, with the time of the first", async () => {
  await using dir = await tempDir();
  await using it = await watch(dir.path);
  const before = performance.now();
  const names = Array.from({ length: 20 }, (_, i) => `m${i}.py`);
  await Promise.all(names.map((name) => write(dir.path, name)));
  await until(() => it.seen.size === 20, "all of them");
  assert.ok(it.changes.length <= 3, `${it.changes.length} changes`);
  assert.ok(it.changes.every(({ since }) => since >= before));
});

Deno.test("CodeWatcher watches folders that appear, with what is in them already, and forgets those that go", async () => {
  await using dir = await tempDir();
  await using it = await watch(dir.path);
  const elsewhere = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  await write(elsewhere, "ready.py");
  await Deno.rename(elsewhere, join(dir.path, "moved"));
  await until(() => it.seen.has("moved"), "the folder that came with a file");
  await write(dir.path, "moved/later.py");
  await until(() => it.seen.has("moved/later.py"), "a file in it");
  await Deno.mkdir(join(dir.path, "fresh/inner"), { recursive: true });
  await until(() => it.watcher.size === 4, "both are watched");
  await write(dir.path, "fresh/inner/new.py");
  await until(() => it.seen.has("fresh/inner/new.py") || it.seen.has("fresh/inner"), "its file");
  await Deno.remove(join(dir.path, "fresh"), { recursive: true });
  await until(() => it.watcher.size === 2, "they are not watched any more");
});

Deno.test("CodeWatcher reports nothing when folders without code come and go", async () => {
  await using dir = await tempDir();
  await using it = await watch(dir.path);
  for (let size = 1; size <= 3; size++) {
    await Deno.mkdir(join(dir.path, "out/run"), { recursive: true });
    await Deno.writeTextFile(join(dir.path, "out/run/data.csv"), "1");
    await until(() => it.watcher.size === 3, "they are watched");
    await Deno.remove(join(dir.path, "out"), { recursive: true });
    await until(() => it.watcher.size === 1, "they are not watched any more");
  }
  await write(dir.path, "last.py");
  await until(() => it.seen.has("last.py"), "the last one");
  assert.deepEqual([...it.seen], ["last.py"]);
});

Deno.test("CodeWatcher goes on with a folder that takes the place of another one, also the topmost", async () => {
  await using dir = await tempDir();
  const root = join(dir.path, "root");
  await write(root, "pkg/inner.py", "texts.py");
  await using it = await watch(root);
  for (const folder of ["pkg", "pkg", ""]) {
    it.seen.clear();
    Deno.removeSync(join(root, folder), { recursive: true });
    Deno.mkdirSync(join(root, "pkg"), { recursive: true });
    Deno.writeTextFileSync(join(root, "pkg/inner.py"), "x = 2\n");
    await until(() => it.seen.has(folder), "the folder");
    it.seen.clear();
    await until(async () => {
      await write(root, "pkg/inner.py");
      return it.seen.has("pkg/inner.py");
    }, "a file in it");
  }
});

Deno.test("CodeWatcher follows links to folders, and links in a circle only once", async () => {
  await using dir = await tempDir();
  await using outside = await tempDir();
  await write(outside.path, "shared.py");
  await Deno.symlink(outside.path, join(dir.path, "link"));
  await Deno.symlink(dir.path, join(dir.path, "circle"));
  await using it = await watch(dir.path);
  assert.equal(it.watcher.size, 2);
  await write(outside.path, "shared.py");
  await until(() => it.seen.has("link/shared.py"), "the file behind the link");
});

Deno.test("CodeWatcher watches the topmost folders when there are too many, and names those left out", async () => {
  await using log = new LogSink();
  await using dir = await tempDir();
  await write(dir.path, "a/b/c/d/deep.py", "top.py");
  await using it = await watch(dir.path, { limits: { folders: 3, entries: 1_000 } });
  assert.equal(it.watcher.size, 3);
  assert.match(await log.text(), /WARN.* not watching \S+\/a\/b\/c: there are too many folders/);
  await write(dir.path, "a/b/c/d/deep.py", "top.py");
  await until(() => it.seen.has("top.py"), "the topmost file");
  assert.deepEqual([...it.seen], ["top.py"]);
});

Deno.test("CodeWatcher names a folder that does not exist, and watches it once it does", async () => {
  await using log = new LogSink();
  await using dir = await tempDir();
  await using it = await watch(join(dir.path, "nowhere"));
  assert.equal(it.watcher.size, 0);
  assert.match(await log.text(), /not watching \S+\/nowhere: .*they do not exist/);
  await write(dir.path, "nowhere/texts.py");
  await until(
    () => it.changes.some(({ paths }) => paths.includes(join(dir.path, "nowhere"))),
    "it",
  );
  await write(dir.path, "nowhere/texts.py");
  await until(() => it.seen.has("texts.py"), "a file in it");
});

Deno.test("CodeWatcher[Symbol.asyncDispose]() drops what was not reported yet", async () => {
  await using dir = await tempDir();
  const it = await watch(dir.path);
  await write(dir.path, "texts.py");
  await it[Symbol.asyncDispose]();
  await it[Symbol.asyncDispose]();
  assert.deepEqual(it.changes, []);
});

Deno.test("CodeWatcher[Symbol.asyncDispose]() leaves no timer for a change that comes meanwhile", async () => {
  await using dir = await tempDir();
  const it = await watch(dir.path);
  await Deno.mkdir(join(dir.path, "pkg"));
  await until(() => it.watcher.size === 2, "the new folder is watched, and others are looked for");
  Deno.writeTextFileSync(join(dir.path, "texts.py"), "x = 1\n");
  await it[Symbol.asyncDispose]();
  assert.deepEqual(it.changes, []);
});

Deno.test("isBelow() knows folders from names that begin alike", () => {
  for (const folder of ["/a/b", "/a/b/"]) {
    assert.deepEqual(
      ["/a/b", "/a/b/c.py", "/a/b/c/d.py", "/a/bc.py", "/a"].map((it) => isBelow(it, folder)),
      [true, true, true, false, false],
    );
  }
  assert.ok(isBelow("/c.py", "/"));
});
