/** The command of examples/scale_to_zero/README.md, and the lines that it prints. */
import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, tempDir } from "../fixtures/host.ts";

Deno.test("examples/scale_to_zero has no worker at the start, some for its calls, and none at the end", async () => {
  await using dir = await tempDir();
  const env = { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_PYTHON: await devPython() };
  const args = ["task", "run", "examples/scale_to_zero/main.ts"];
  await using process = new HostProcess(args, { env });
  const { code, stdout, stderr } = await process.finished();
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split("\n");
  assert.match(lines[1] ?? "", /^1 \+ 2 = 3, after a start of \d+ ms$/);
  assert.deepStrictEqual([lines[0], ...lines.slice(2)], [
    "at the start: 0 workers, ready",
    "after one call: 1 workers, ready",
    "after three at once: 3 workers, ready",
    "at rest: 0 workers, ready",
  ]);
});
