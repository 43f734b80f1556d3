import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";

const FOLDER = join(ROOT, "examples/pictures");

/** The commands of a page, each with the JSON that the page shows under it. */
async function commandsOf(page: string): Promise<{ command: string; shown: string | undefined }[]> {
  const text = await Deno.readTextFile(page);
  return [...text.matchAll(/```sh\n([^`]+)```\n(?:\n```json\n([^`]+)```)?/g)]
    .map(([, command = "", shown]) => ({ command: command.trim(), shown }));
}

function sizeOf(png: Uint8Array): number[] {
  const view = new DataView(png.buffer, png.byteOffset);
  return [view.getUint32(16), view.getUint32(20)];
}

Deno.test("examples/pictures/README.md has commands that make the pictures it describes", async () => {
  await using dir = await tempDir();
  await using work = await tempDir();
  const [start, ...commands] = await commandsOf(join(FOLDER, "README.md"));
  assert.match(start?.command ?? "", /^SNAKEDEN_CONFIG=\S+ deno task serve$/);
  const [, config = ""] = /SNAKEDEN_CONFIG=(\S+)/.exec(start?.command ?? "") ?? [];
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: join(ROOT, config) },
  });
  assert.equal(commands.length, 5);
  for (const { command, shown } of commands) {
    const here = command.replaceAll("localhost:8000", server.url.replace("http://", ""))
      .replace(/^deno run (.*)$/, `'${Deno.execPath()}' run $1 ${server.url}`)
      .replaceAll("examples/", `${ROOT}/examples/`);
    const { success, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-euc", here],
      cwd: work.path,
      stdin: "null",
    }).output();
    const output = new TextDecoder().decode(stdout);
    assert.ok(success, command + output + new TextDecoder().decode(stderr));
    if (shown === undefined) continue;
    const [answer, expected] = [JSON.parse(output), JSON.parse(shown)];
    assert.deepEqual(Object.keys(answer), Object.keys(expected));
    assert.deepEqual({ ...answer.result, bytes: 0 }, { ...expected.result, bytes: 0 });
  }
  const read = (name: string): Promise<Uint8Array> => Deno.readFile(join(work.path, name));
  for (const name of ["gradient.png", "pale.png", "negative.png"]) {
    assert.deepEqual(sizeOf(await read(name)), [320, 200]);
  }
  assert.notDeepEqual(await read("pale.png"), await read("negative.png"));
});

Deno.test("examples/pictures inverts a picture whose rows are filtered, and back", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: join(FOLDER, "snakeden.config.json") },
  });
  const invert = async (image: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => {
    const answer = await fetch(`${server.url}/v1/execute?tool=invert`, {
      method: "POST",
      headers: { accept: "image/png", "content-type": "image/png" },
      body: image,
    });
    assert.equal(answer.headers.get("content-type"), "image/png");
    return await answer.bytes();
  };
  const once = await invert(Uint8Array.fromBase64(FILTERED));
  assert.notDeepEqual(once, Uint8Array.fromBase64(FILTERED));
  const twice = await invert(once);
  assert.deepEqual(await invert(twice), once);
});

/** 3 by 5 pixels with transparency; each row has another of the five filters. */
const FILTERED =
  "iVBORw0KGgoAAAANSUhEUgAAAAMAAAAFCAYAAACAcVaiAAAATElEQVR4nAFBAL7/AHlCvfIhBvCEd2Lw8wHL" +
  "TXZN/LqqBE6T7zgCJ3lkfRw9m+D9q+7mAwt8LXISIibyQZKp4QQjVtKxzAqGgGYfkCz0kR3Mdq7D2gAAAABJ" +
  "RU5ErkJggg==";
