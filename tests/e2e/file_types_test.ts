/**
 * The example with a real model, and a real environment for it: the package index must be
 * reachable.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Snakeden } from "../../mod.ts";
import { snippetsOf } from "../docs/markdown.ts";
import { isShown } from "../docs/shown_output.ts";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";

const FOLDER = join(ROOT, "examples/file_types");
const PAGE = "examples/file_types/README.md";

Deno.test("examples/file_types tells the types of files with a real model", async (t) => {
  await using dir = await tempDir();
  const snippets = snippetsOf(await Deno.readTextFile(join(ROOT, PAGE)));
  const [start, ...commands] = snippets.filter(({ language }) => language === "sh");
  const [, config = ""] =
    /^SNAKEDEN_CONFIG=(\S+) deno task serve$/.exec(start?.text.trim() ?? "") ??
      [];
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: join(ROOT, config) },
  });

  assert.equal(commands.length, 4);
  for (const { text, line } of commands) {
    await t.step(`line ${line} of the page answers what the page shows`, async () => {
      const shown = snippets.find((it) => it.line > line);
      assert.ok(shown?.followsSnippet, "the page shows an output");
      assert.ok(isShown(shown.text, await run(text, server.url)), "the output is another one");
    });
  }

  await t.step("an empty file has a type too", async () => {
    const answer = await fetch(`${server.url}/v1/execute?tool=identify`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(0),
    });
    const { result } = await answer.json();
    assert.deepEqual([answer.status, result.label, result.group], [200, "empty", "inode"]);
  });

  await t.step("its model runs on one thread", async () => {
    await Deno.writeTextFile(join(dir.path, "threads.py"), THREADS);
    await using den = await Snakeden.start({
      dataDir: dir.path,
      pools: [{
        name: "default",
        size: 1,
        adapter: "threads:Threads",
        modulePaths: [dir.path, FOLDER],
        // The same as those of the server, whose environment is there already.
        python: { requirements: [join(FOLDER, "requirements.txt")] },
      }],
    });
    assert.deepEqual(await den.execute("threads"), [1, 1]);
  });
});

const THREADS = `
from file_types import FileTypes
from snakeden import tool

class Threads(FileTypes):
    @tool
    def threads(self) -> list[int]:
        options = self.model._onnx_session.get_session_options()
        return [options.intra_op_num_threads, options.inter_op_num_threads]
`;

/** Runs a command of the page against the server at `url`, and returns what it prints. */
async function run(command: string, url: string): Promise<string> {
  const here = command.replaceAll(/(?:http:\/\/)?localhost:8000/g, url)
    .replace(/^deno /, `'${Deno.execPath()}' `);
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", here],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert.ok(success, command + output + new TextDecoder().decode(stderr));
  return output;
}
