import assert from "node:assert/strict";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { storeFindings } from "../../scripts/doctor/store.ts";
import { KvStore } from "../../src/kv/mod.ts";
import { ProcTable } from "../../src/process/process_table.ts";
import { startDen } from "../fixtures/host.ts";
import { MarkedProcess } from "../fixtures/processes/marked_process.ts";
import { newRunId, openStore, registryOver, tamper, tempDir } from "../kv/open_store.ts";

function textsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ name, state, text }) => `${state} ${name}: ${text}`);
}

Deno.test("storeFindings() finds no fault in a new data directory", async () => {
  await using dir = await tempDir();
  assert.deepEqual(textsOf(await storeFindings(dir.path)), [
    `ok store: ${KvStore.pathIn(dir.path)}`,
    "ok processes: no run has left any",
  ]);
});

Deno.test("storeFindings() names the host that has the store, and its workers", async () => {
  await using dir = await tempDir();
  await using den = await startDen({ adapter: "snakeden.demo" }, { dataDir: dir.path });
  const [text = "", ...others] = textsOf(await storeFindings(dir.path));
  assert.deepEqual(others, []);
  assert.ok(
    text.startsWith(`ok store: process ${Deno.pid} has it (run ${den.runId}, since `),
    text,
  );
  for (const { pid } of den.workers.list()) assert.match(text, new RegExp(`\\b${pid}\\b`));
});

Deno.test("storeFindings() lists what dead runs have left: rows, records set aside, databases moved aside", async () => {
  await using dir = await tempDir();
  const runId = newRunId();
  await using left = new MarkedProcess({ runId });
  const never = new AbortController().signal;
  const startTime = (await new ProcTable().startTimes([left.pid], never)).get(left.pid);
  {
    await using store = await openStore(dir.path, runId);
    const registry = registryOver(store, { runId, startTimeOf: () => Promise.resolve(startTime) });
    for (const [id, pid] of [["a-1", left.pid], ["a-2", 999_999_999], ["a-3", 0]] as const) {
      await registry.reserve({ workerId: id, incarnation: `${id}.x` });
      if (pid > 0) registry.activate(`${id}.x`, pid);
    }
    await registry[Symbol.asyncDispose]();
  }
  await tamper(dir.path, async (kv) => void await kv.set(["process", "x", "y"], "nonsense"));
  await Deno.writeTextFile(`${KvStore.pathIn(dir.path)}.corrupt-2026-01-01T000000000Z`, "");
  const texts = textsOf(await storeFindings(dir.path));
  assert.match(
    texts[0] ?? "",
    /^warning store: an earlier start could not use .*kv\.sqlite3\.corrupt-2026/,
  );
  assert.match(
    texts[2] ?? "",
    /^warning store record: process\/x\/y \(\d+ bytes\) was set aside at .*: it holds string, not bytes/,
  );
  assert.equal(
    texts[3],
    [
      `warning processes: a-1 of the dead run ${runId}: process ${left.pid}, which is still there`,
      `a-2 of the dead run ${runId}: process 999999999, which is gone`,
      `a-3 of the dead run ${runId}: reserved, and perhaps spawned`,
    ].join("\n"),
  );
});

Deno.test("storeFindings() reports a broken database, and leaves it where it is", async () => {
  await using dir = await tempDir();
  await (await openStore(dir.path))[Symbol.asyncDispose]();
  await Deno.writeTextFile(KvStore.pathIn(dir.path), "garbage ".repeat(1_000));
  const [finding] = await storeFindings(dir.path);
  assert.match(finding?.text ?? "", /kv\.sqlite3 cannot be used: file is not a database/);
  assert.equal((await Deno.readTextFile(KvStore.pathIn(dir.path))).startsWith("garbage"), true);
});
