/** The commands of examples/nightly_report/README.md: one file, by hand and as a script job. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, tempDir } from "../fixtures/host.ts";
import { PageShell, snippetsIn } from "../fixtures/page_shell.ts";

const PAGE = "examples/nightly_report/README.md";

Deno.test("examples/nightly_report reports a month by hand and as a job, and keeps its page", async (t) => {
  await using dir = await tempDir();
  await using shell = await PageShell.open(dir.path);
  const snippets = await snippetsIn(PAGE);
  const blocks = snippets.filter(({ language }) => language === "sh");
  const byHand = join(ROOT, "artifacts");
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(byHand, { recursive: true }).catch(() => {}));
  let page = "";
  for (const block of blocks) {
    const hasPassed = await t.step(`line ${block.line}`, async () => {
      const stdout = await shell.follow(block, snippets);
      if (!block.text.startsWith("deno task run ")) return;
      page = await Deno.readTextFile(join(byHand, "sales-2026-10.html"));
      assert.equal(JSON.parse(stdout.slice(stdout.indexOf("{"))).units, 583);
    });
    if (!hasPassed) return;
  }
  const kept = await fetch(`${shell.url}/v1/jobs/sales-2026-10/artifacts/sales-2026-10.html`);
  assert.equal(await kept.text(), page);
  // By hand it was built; the job had it at once.
  const log = await fetch(`${shell.url}/v1/jobs/sales-2026-10/logs?follow=false`);
  assert.doesNotMatch(await log.text(), /environment/);
});
