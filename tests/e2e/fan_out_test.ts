/**
 * The commands of examples/fan_out/README.md: one file, as a script job and by hand, and a server
 * that is killed in the middle.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { tempDir, workersOf } from "../fixtures/host.ts";
import { PageShell, snippetsIn } from "../fixtures/page_shell.ts";
import { processesOf } from "../fixtures/script_jobs.ts";
import { until } from "../fixtures/until.ts";

const PAGE = "examples/fan_out/README.md";
const JOB = "more-pi";

Deno.test("examples/fan_out calls the pools of its host, also after kill -9 of the server", async (t) => {
  await using dir = await tempDir();
  await using shell = await PageShell.open(dir.path);
  const snippets = await snippetsIn(PAGE);
  for (const block of snippets.filter(({ language }) => language === "sh")) {
    const hasPassed = await t.step(`line ${block.line}`, async () => {
      const kills = block.text.startsWith("kill -9");
      if (kills) assert.notDeepEqual(processesOf(JOB), [], "the script runs");
      await shell.follow(block, snippets);
      if (!kills) return;
      await until(() => processesOf(JOB).length === 0, "the script to be gone");
      const workers = () => workersOf({ connect: join(dir.path, ".snakeden") });
      await until(() => workers().length === 0, "the workers to be gone");
    });
    if (!hasPassed) return;
  }
  assert.deepEqual(processesOf(JOB), []);
});
