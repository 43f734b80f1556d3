/** The demos, run as examples/showcase/README.md says. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { snippetsOf } from "../docs/markdown.ts";
import { HostProcess, ROOT, tempDir } from "../fixtures/host.ts";

const FOLDER = join(ROOT, "examples/showcase");

async function snippets(language: string): Promise<readonly string[]> {
  const page = snippetsOf(await Deno.readTextFile(join(FOLDER, "README.md")));
  return page.filter((it) => it.language === language).map(({ text }) => text.trim());
}

async function outputOf(command: string, dataDir: string): Promise<string> {
  const [deno, task, ...args] = command.split(" ");
  assert.deepEqual([deno, task], ["deno", "task"]);
  await using script = new HostProcess(["task", "--quiet", ...args], {
    env: { SNAKEDEN_PYTHON: await devPython(), SNAKEDEN_DATA_DIR: dataDir },
  });
  const { code, stdout, stderr } = await script.finished();
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

Deno.test("deno task demo runs each script of examples/showcase, and says what the page shows", async () => {
  await using dir = await tempDir();
  const [all = "", some = "", one = ""] = await snippets("sh");
  const [shown] = await snippets("text");
  assert.equal(await outputOf(some, dir.path), shown);
  const output = await outputOf(all, dir.path);
  const helpers = ["main", "showcase"];
  for await (const { name } of Deno.readDir(FOLDER)) {
    const [demo = "", extension] = name.split(".");
    if (extension !== "ts" || helpers.includes(demo)) continue;
    assert.match(output, new RegExp(`^${demo}\n.+$`, "m"));
  }
  assert.match(output, /^trained\nclass of \(1, -1\): 1$/m);
  assert.match(output, /^round 20: accuracy 0\.9\d$/m);
  assert.match(await outputOf(one, dir.path), /^too slow: deadline_exceeded$/m);
});

Deno.test("deno task demo refuses a name that is none", async () => {
  await using dir = await tempDir();
  const env = { SNAKEDEN_PYTHON: await devPython(), SNAKEDEN_DATA_DIR: dir.path };
  await using refused = new HostProcess(["task", "--quiet", "demo", "dance"], { env });
  const { code, stderr } = await refused.finished();
  assert.equal(code, 2);
  assert.match(stderr, /^unknown demo dance; there are basics, /m);
});
