/** Batches under attack, with real workers: of items, of files, and of other work. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { BatchResult, Job, JobInput, Snakeden } from "../../../mod.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";

type Batch = Extract<JobInput, { readonly kind: "batch" }>;

async function run(
  den: Snakeden,
  batch: Omit<Batch, "kind">,
): Promise<{ readonly job: Job; readonly results: readonly BatchResult[] }> {
  const handle = await den.jobs.submit({ kind: "batch", ...batch });
  const job = await handle.done();
  const results = await Array.fromAsync(handle.results({ follow: false }));
  return { job, results: results.toSorted((a, b) => a.index - b.index) };
}

function outcomes(results: readonly BatchResult[]): unknown[] {
  return results.map((it) => "error" in it ? it.error.code : it.result);
}

async function fileOf(den: Snakeden, bytes: string | Uint8Array): Promise<string> {
  return (await den.files.add(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes))
    .id;
}

Deno.test("a batch moves on while calls keep all workers busy, and two batches share them", async () => {
  await using den = await startDen({ adapter: "batch_work", size: 1 });
  const over = new AbortController();
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) await den.execute("square", { key: 1, seconds: 0.005 });
  });
  try {
    const inputs = Array.from({ length: 20 }, (_, key) => ({ key }));
    const both = await Promise.all([
      run(den, { tool: "square", inputs }),
      run(den, { tool: "square", inputs }),
    ]);
    for (const { results } of both) {
      assert.deepEqual(outcomes(results), inputs.map(({ key }) => key * key));
    }
  } finally {
    over.abort();
    await Promise.all(callers);
  }
});

Deno.test("items that end their worker each time fail alone, at the borders of parts and side by side", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  await using den = await startDen({ adapter: "batch_work", env, taintAfter: 0 });
  const poison = new Set([0, 1, 2, 17, 18, 39]);
  const inputs = Array.from({ length: 40 }, (_, key) => ({
    key,
    ...(poison.has(key) ? { times: 99, how: "kill" } : {}),
  }));
  const { job, results } = await run(den, { tool: "moody", inputs });
  assert.deepEqual(
    results.filter((it) => "error" in it).map((it) => [it.index, "error" in it && it.error.code]),
    [...poison].map((it) => [it, "worker_crashed"]),
  );
  assert.deepEqual([job.state, job.attempt, job.items], [
    "completed",
    1,
    { done: 40, failed: 6, total: 40 },
  ]);
});

Deno.test("results of 1 MB, results that are too long, and errors of 1 MB are kept as they should be", async () => {
  const config = { jobs: { maxResultBytes: 2_000_000 } };
  await using den = await startDen({ adapter: "batch_work" }, config);
  const inputs = Array.from(
    { length: 60 },
    (_, i) => ({ chars: i % 20 === 7 ? 2_000_001 : 1_000_000 }),
  );
  const { results } = await run(den, { tool: "long_text", inputs });
  assert.deepEqual(
    results.map((it) => "error" in it ? it.error.code : (it.result as string).length),
    inputs.map(({ chars }) => chars === 1_000_000 ? chars : "result_too_large"),
  );
  const failed = await run(den, {
    tool: "fail_long",
    inputs: [{ chars: 1_000_000 }, { chars: 3 }],
  });
  const [long] = failed.results;
  assert.ok(long && "error" in long && long.error.code === "python_exception");
  assert.ok(JSON.stringify(long).length < 100_000);
});

Deno.test("a batch with more items than allowed fails at once, with the limit, and keeps what has ended", async () => {
  await using den = await startDen({ adapter: "batch_work" }, { jobs: { maxBatchItems: 10 } });
  const lines = '{"key":1}\n'.repeat(11);
  const { job } = await run(den, { tool: "square", inputsFile: await fileOf(den, lines) });
  assert.deepEqual([job.state, job.attempt], ["discarded", 1]);
  assert.match(job.error?.message ?? "", /more than 10 items; allowed: .*maxBatchItems/);
  const whole = await fileOf(den, lines.slice(10));
  assert.equal((await run(den, { tool: "square", inputsFile: whole })).job.state, "completed");
});

Deno.test("a file that is no table fails its batch with the reason, after one attempt", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const utf16 = new Uint8Array([0xff, 0xfe, 0x61, 0, 0x2c, 0, 0x62, 0, 0x0a, 0]);
  const files: [string | Uint8Array, RegExp][] = [
    ["", /line 1: given an empty file; allowed: a table with a header/],
    ["\n\n", /given an empty file|no header/],
    [utf16, /line 1: the header is not UTF-8; is the file a table\?/],
    [utf16.subarray(2), /line 1: the header has a NUL character/],
    [new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]), /line 1: the header is not UTF-8/],
    ['a,b\n"1,2\n3,4\n', /line 2: a quoted field that begins in this row does not end/],
    ["a,,c\n1,2,3\n", /line 1: the header has no name for column 2/],
    ["a,b,a\n", /two columns with the name "a"/],
    ['a,"b"x\n', /line 1: column 2 has text behind its closing quote/],
    [",".repeat(20_000), /20001 columns; allowed: 16384/],
  ];
  for (const [bytes, reason] of files) {
    const inputsFile = await fileOf(den, bytes);
    const { job } = await run(den, { tool: "total", inputsFile, format: "csv" });
    assert.match(job.error?.message ?? "", reason);
    assert.deepEqual([job.state, job.attempt, job.error?.code], ["discarded", 1, "invalid_input"]);
  }
  const table = '\ufeffa,b\r\n1,2\r\n3\r\n4,5,6\r\n"7","8"\r\n';
  const { job, results } = await run(den, {
    tool: "total",
    inputsFile: await fileOf(den, table),
    format: "csv",
  });
  assert.deepEqual(outcomes(results), [3, "invalid_input", "invalid_input", 15]);
  const [, short, long] = results;
  assert.ok(
    short && "error" in short && /line 3: given 1 field; allowed: 2/.test(short.error.message),
  );
  assert.ok(
    long && "error" in long && /line 4: given 3 fields; allowed: 2/.test(long.error.message),
  );
  assert.equal(job.state, "completed");
  const header = await run(den, {
    tool: "total",
    inputsFile: await fileOf(den, "a,b"),
    format: "csv",
  });
  assert.deepEqual([header.job.state, header.job.items?.total], ["completed", 0]);
});

Deno.test("a result that finds no room as a file fails the batch; its items do not run again", async () => {
  await using dir = await tempDir();
  const ledger = join(dir.path, "ledger");
  const pool = { adapter: "batch_work", env: { LEDGER_PATH: ledger } };
  await using den = await startDen(pool, {
    files: { maxFiles: 2 },
    limits: { maxFileBytes: 2_000 },
    jobs: { maxAttempts: 1 },
  });
  const full = [await fileOf(den, "x"), await fileOf(den, "y")];
  const batch = { tool: "square", resultFile: true } as const;
  const inputs = Array.from({ length: 20 }, (_, key) => ({ key }));
  const { job } = await run(den, { ...batch, inputs });
  assert.deepEqual([job.state, job.error?.code], ["discarded", "file_quota_exceeded"]);
  assert.deepEqual(job.items, { done: 20, failed: 0, total: 20 });
  for (const id of full) await den.files.remove(id);
  await den.jobs.retry(job.id);
  const again = await den.jobs.wait(job.id);
  assert.equal(again.state, "completed");
  assert.equal((await den.files.get(again.resultFile ?? "")).name, "result.ndjson");
  assert.equal((await Deno.readTextFile(ledger)).split("\n").length - 1, 20);
  const long = Array.from({ length: 200 }, (_, key) => ({ key }));
  const tooLarge = await run(den, { ...batch, inputs: long });
  assert.deepEqual([tooLarge.job.state, tooLarge.job.error?.code], ["discarded", "file_too_large"]);
});
