/** The ends of batches: by a cancellation in each phase, and by their retention. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startDen, tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

Deno.test("a batch that is cancelled ends in each phase, keeps what has ended, and goes on when it is retried", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  await using den = await startDen({ adapter: "batch_work", env, size: 1 });
  const batch = { kind: "batch", tool: "moody" } as const;
  // Before it has begun.
  const later = await den.jobs.submit({ ...batch, inputs: [{ key: 1 }], delayMs: 60_000 });
  await later.cancel();
  assert.deepEqual([(await later.done()).state, later.job.items], ["cancelled", undefined]);
  // While an item waits for its next attempt.
  const waits = await den.jobs.submit({
    ...batch,
    inputs: [{ key: 2 }, { key: 3, times: 1 }],
    items: { maxAttempts: 2, retry: { minMs: 3_600_000, maxMs: 3_600_000, jitter: 0 } },
  });
  await until(async () => (await waits.refresh()).items?.done === 1, "one item has ended");
  await waits.cancel();
  assert.deepEqual(
    [(await waits.done()).state, waits.job.items],
    ["cancelled", { done: 1, failed: 0, total: 2 }],
  );
  await waits.retry();
  assert.deepEqual(await waits.result(), { done: 2, failed: 0, total: 2 });
  assert.deepEqual(await Array.fromAsync(waits.results()), [
    { index: 0, result: 1 },
    { index: 1, result: 2 },
  ]);
  // While an item runs that does not end by itself.
  const runs = await den.jobs.submit({
    ...batch,
    inputs: [{ key: 4 }, { key: 5, times: 1, how: "hang" }, { key: 6 }],
  });
  await until(async () => (await runs.refresh()).items?.done === 1, "one item has ended");
  await runs.cancel({ reason: "enough" });
  const { state, cancelReason } = await runs.done();
  assert.deepEqual([state, cancelReason], ["cancelled", "enough"]);
  await runs.retry();
  assert.deepEqual(await runs.result(), { done: 3, failed: 0, total: 3 });
  // When it has ended, nothing happens.
  assert.equal((await runs.cancel()).state, "completed");
});

Deno.test("the results and the files of a batch go with it when it has been kept for its time", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  await using den = await startDen({ adapter: "batch_work" }, {
    dataDir,
  });
  const handle = await den.jobs.submit({
    kind: "batch",
    tool: "long_text",
    inputs: [{ chars: 200_000 }, { chars: 300_000 }],
    resultFile: true,
    retention: { completedMs: 300 },
  });
  const { resultFile = "" } = await handle.done();
  const blobs = async (): Promise<number> => {
    const names = await readdir(join(dataDir, "blobs"), { recursive: true });
    return names.filter((it) => /[0-9a-f]{64}/.test(it)).length;
  };
  assert.ok(await blobs() > 0);
  await until(
    () => den.jobs.get(handle.id).then(() => false, (error) => error.code === "unknown_job"),
    "the job is gone",
    { timeoutMs: 60_000 },
  );
  await assert.rejects(den.files.get(resultFile), { code: "unknown_file" });
  await until(async () => await blobs() === 0, "the blobs are gone", { timeoutMs: 60_000 });
});
