/**
 * Files of a real server: the commands of docs/files.md and docs/http.md, an upload that `kill -9`
 * of the host cuts, and a download that goes on behind a restart.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { snippetsOf } from "../docs/markdown.ts";
import { sha256Of, someBytes } from "../files/file_kit.ts";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** Runs a line of a page in a folder; returns its output. */
async function shell(
  line: string,
  { cwd, url, file = "" }: { readonly cwd: string; readonly url: string; readonly file?: string },
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", line.replaceAll("localhost:8000", url)],
    cwd,
    env: { FILE: file },
  }).output();
  assert.ok(success, `${line}\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Returns the lines of the shell blocks of a page that name files. */
async function linesOf(page: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(ROOT, page));
  return snippetsOf(text)
    .filter(({ language, text }) => language === "sh" && text.includes("/v1/files"))
    .flatMap(({ text }) => text.trim().split("\n"))
    .filter((it) => !it.startsWith("#"));
}

/** Returns the number of parts of files that are being written. */
function parts(dataDir: string): number {
  return [...Deno.readDirSync(join(dataDir, "blobs", "incoming"))].length;
}

Deno.test("the commands of docs/files.md and docs/http.md do what the pages say", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: join(dir.path, "data") });
  const bytes = someBytes(3_000_000);
  await Deno.writeFile(join(dir.path, "table.csv"), bytes);
  const [add = "", ...uses] = await linesOf("docs/files.md");
  const [addTyped = ""] = await linesOf("docs/http.md");
  const options = { cwd: dir.path, url: server.url };
  const typed = JSON.parse(await shell(addTyped, options));
  assert.deepEqual([typed.mediaType, typed.sha256], ["text/csv", await sha256Of(bytes)]);
  const file = JSON.parse(await shell(add, options));
  assert.deepEqual([file.name, file.bytes], ["table.csv", 3_000_000]);
  assert.equal(uses.length, 6);
  const copy = join(dir.path, "copy.csv");
  const outputs: string[] = [];
  for (const line of uses) {
    // The download that goes on has the beginning of the file.
    if (line.includes("-C -")) await Deno.truncate(copy, 1_000_000);
    outputs.push(await shell(line, { ...options, file: file.id }));
    if (line.includes("copy.csv")) assert.deepEqual(await Deno.readFile(copy), bytes);
  }
  const [described = "", , , part = "", list = "", removed] = outputs;
  assert.deepEqual(JSON.parse(described), file);
  assert.equal(part.length > 0, true);
  assert.deepEqual(JSON.parse(list).files.map(({ id }: { id: string }) => id), [file.id, typed.id]);
  assert.equal(removed, "");
  const gone = await fetch(`${server.url}/v1/files/${file.id}`);
  assert.equal(gone.status, 404);
  await gone.body?.cancel();
});

Deno.test("kill -9 of the host in the middle of an upload leaves nothing of it, and all that was answered", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  const bytes = someBytes(2_000_000);
  let id = "";
  {
    await using server = await ServerProcess.start({ dataDir });
    await using den = new SnakedenClient({ baseUrl: server.url });
    id = (await den.files.add(bytes, { name: "kept" })).id;
    const { promise: end, resolve } = Promise.withResolvers<void>();
    const cut = den.files.add((async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
      await end;
    })());
    const failed = assert.rejects(cut, { code: "connection_lost" });
    await until(() => parts(dataDir) === 1, "the upload has begun");
    server.kill("SIGKILL");
    await server.finished();
    await failed;
    resolve();
    assert.equal(parts(dataDir), 1);
  }
  await using server = await ServerProcess.start({ dataDir });
  await using den = new SnakedenClient({ baseUrl: server.url });
  assert.equal(parts(dataDir), 0);
  assert.deepEqual((await den.files.list()).items.map((it) => it.id), [id]);
  const read = await new Response(await den.files.open(id) as BodyInit).bytes();
  assert.equal(await sha256Of(read), await sha256Of(bytes));
});

Deno.test("a download of SnakedenClient goes on when its host is killed and started again", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  const bytes = someBytes(30_000_000);
  let server = await ServerProcess.start({ dataDir });
  try {
    const { url } = server;
    await using den = new SnakedenClient({ baseUrl: url });
    const { id, sha256 } = await den.files.add(bytes);
    const reader = (await den.files.open(id)).getReader();
    const first = await reader.read();
    assert.ok(first.value);
    server.kill("SIGKILL");
    await server.finished();
    server = await ServerProcess.start({
      dataDir,
      env: { SNAKEDEN_PORT: new URL(url).port },
    });
    const all: Uint8Array[] = [first.value];
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      all.push(step.value);
    }
    assert.equal(await sha256Of(await new Blob(all as BlobPart[]).bytes()), sha256);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});
