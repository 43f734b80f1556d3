/** A batch whose host is killed in the middle. A ledger that the tool writes shows what ran. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startDen, tempDir } from "../fixtures/host.ts";
import { JobHostProcess, ledgerOf } from "../fixtures/jobs/job_host_process.ts";
import { until } from "../fixtures/until.ts";

const ITEMS = 3_000;
const POOL = { adapter: "batch_work", size: 2 };
const LEDGER_LINE = 32;

async function startsIn(ledger: string): Promise<number[]> {
  const text = await Deno.readTextFile(ledger).catch(() => "");
  return text.split("\n").slice(0, -1).map(Number);
}

Deno.test("a batch goes on after SIGKILL of its host: no item is twice in the result, and none is missing", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const dataDir = join(dir.path, "data");
  const input = {
    kind: "batch",
    tool: "square",
    inputs: Array.from({ length: ITEMS }, (_, key) => ({ key, seconds: 0.002 })),
    maxAttempts: 10,
  } as const;
  for (const goal of [ITEMS / 5, ITEMS / 2]) {
    const isFirst = goal === ITEMS / 5;
    await using host = await JobHostProcess.start({
      dir: dir.path,
      jobs: isFirst ? [[0, input]] : [],
      pool: POOL,
      config: { leaseMs: 2_000 },
    });
    await until(
      async () => {
        const { size } = await Deno.stat(ledger).catch(() => ({ size: 0 }));
        return size / LEDGER_LINE >= goal;
      },
      `${goal} starts`,
      { timeoutMs: 60_000 },
    );
    host.kill("SIGKILL");
    await host.finished();
  }
  await using den = await startDen(
    { ...POOL, env: { LEDGER_PATH: ledger } },
    { dataDir },
  );
  const [job] = (await den.jobs.list()).items;
  assert.ok(job);
  const results = await Array.fromAsync(den.jobs.results<number>(job.id));
  assert.deepEqual(
    results.map(({ index }) => index).toSorted((a, b) => a - b),
    Array.from({ length: ITEMS }, (_, i) => i),
  );
  for (const it of results) assert.ok("result" in it && it.result === it.index ** 2);
  const { state, items, attempts = [] } = await den.jobs.wait(job.id);
  assert.deepEqual([state, items], ["completed", { done: ITEMS, failed: 0, total: ITEMS }]);
  assert.deepEqual(attempts.map(({ outcome }) => outcome), ["lost", "lost", "completed"]);
  const starts = await startsIn(ledger);
  assert.equal(new Set(starts).size, ITEMS);
  // What ran between the last commit and the kill runs again, and no more than that.
  assert.ok(starts.length < ITEMS * 1.5, `${starts.length} starts`);
});
