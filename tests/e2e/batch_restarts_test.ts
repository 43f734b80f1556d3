/** A batch whose host is stopped in the middle, and goes on after the next start. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startDen, tempDir } from "../fixtures/host.ts";
import { JobHostProcess, ledgerOf } from "../fixtures/jobs/job_host_process.ts";
import { until } from "../fixtures/until.ts";

const ITEMS = 1_500;
const POOL = { adapter: "batch_work", size: 2 };
const LEDGER_LINE = 32;

Deno.test("a batch goes on after SIGTERM of its host: at no cost of an attempt, and each item once in the result", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const input = {
    kind: "batch",
    tool: "square",
    inputs: Array.from({ length: ITEMS }, (_, key) => ({ key, seconds: 0.002 })),
    maxAttempts: 1,
  } as const;
  for (const goal of [ITEMS / 4, ITEMS / 2]) {
    await using host = await JobHostProcess.start({
      dir: dir.path,
      jobs: goal === ITEMS / 4 ? [[0, input]] : [],
      pool: POOL,
      drainMs: 60_000,
    });
    await until(
      async () => {
        const { size } = await Deno.stat(ledger).catch(() => ({ size: 0 }));
        return size / LEDGER_LINE >= goal;
      },
      `${goal} starts`,
      { timeoutMs: 60_000 },
    );
    host.kill("SIGTERM");
    await host.finished();
  }
  await using den = await startDen(
    { ...POOL, env: { LEDGER_PATH: ledger } },
    { dataDir: join(dir.path, "data") },
  );
  const [job] = (await den.jobs.list()).items;
  assert.ok(job);
  const results = await Array.fromAsync(den.jobs.results<number>(job.id));
  assert.deepEqual(
    results.map(({ index }) => index).toSorted((a, b) => a - b),
    Array.from({ length: ITEMS }, (_, i) => i),
  );
  const { state, items, attempt, attempts = [] } = await den.jobs.wait(job.id);
  assert.deepEqual([state, attempt, items], [
    "completed",
    1,
    { done: ITEMS, failed: 0, total: ITEMS },
  ]);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["returned", "returned", "completed"]);
  const starts = (await Deno.readTextFile(ledger)).split("\n").slice(0, -1).map(Number);
  assert.equal(new Set(starts).size, ITEMS);
  // Only an item that ran when its host stopped runs again: at most one a worker and stop.
  assert.ok(starts.length <= ITEMS + 4, `${starts.length} starts`);
});
