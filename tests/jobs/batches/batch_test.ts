/** Batches with real workers, in the library. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { BatchResult, JobInput, Snakeden } from "../../../mod.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";

type Batch = Extract<JobInput, { readonly kind: "batch" }>;

const encoder = new TextEncoder();

/** Runs a batch to its end; returns its results by their indexes, and the job. */
async function run(
  den: Snakeden,
  batch: Omit<Batch, "kind">,
): Promise<{ results: BatchResult[]; job: Awaited<ReturnType<Snakeden["jobs"]["get"]>> }> {
  const handle = await den.jobs.submit({ kind: "batch", ...batch });
  const results = await Array.fromAsync(handle.results());
  return { results: results.toSorted((a, b) => a.index - b.index), job: await handle.done() };
}

/** Returns the results, or the codes of the errors. */
function outcomes(results: readonly BatchResult[]): unknown[] {
  return results.map((it) => "error" in it ? it.error.code : it.result);
}

async function fileOf(den: Snakeden, text: string): Promise<string> {
  return (await den.files.add(encoder.encode(text))).id;
}

Deno.test("a batch runs a tool for each item, and ends with the numbers of its items", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const inputs = Array.from({ length: 1_000 }, (_, key) => ({ key }));
  const { results, job } = await run(den, { tool: "square", inputs, tags: ["t"] });
  assert.deepEqual(results, inputs.map(({ key }) => ({ index: key, result: key * key })));
  const items = { done: 1_000, failed: 0, total: 1_000 };
  assert.deepEqual([job.state, job.kind, job.tool, job.items], [
    "completed",
    "batch",
    "square",
    items,
  ]);
  const { fraction, done, failed, total } = job.progress as Record<string, number>;
  assert.deepEqual([fraction, done, failed, total], [1, 1_000, 0, 1_000]);
  assert.deepEqual(await den.jobs.result(job.id), items);
});

Deno.test("a batch reads its items from files of each format, with arguments of every item", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const json = await fileOf(den, '{"a":"1","plus":5}\n\n{"a":"2","b":"3"}\n7\n{"a":\n');
  const ndjson = await run(den, { tool: "total", inputsFile: json, args: { plus: 10, b: "100" } });
  assert.deepEqual(outcomes(ndjson.results), [106, 15, "invalid_input", "invalid_input"]);
  const [, , third, fourth] = ndjson.results;
  assert.ok(third && "error" in third && /no object; allowed/.test(third.error.message));
  assert.ok(fourth && "error" in fourth && /line 5: it is no JSON/.test(fourth.error.message));
  assert.deepEqual(ndjson.job.items, { done: 4, failed: 2, total: 4 });
  const lines = await run(den, {
    tool: "length",
    inputsFile: await fileOf(den, "a\n\nüü\r\n"),
    format: "lines",
    input: "text",
  });
  assert.deepEqual(outcomes(lines.results), [1, 2]);
  const csv = await run(den, {
    tool: "total",
    inputsFile: await fileOf(den, 'a,b\n1,2\n"3",4\n5\n'),
    format: "csv",
  });
  assert.deepEqual(outcomes(csv.results), [3, 7, "invalid_input"]);
  const echoed = await run(den, {
    tool: "echo",
    inputsFile: await fileOf(den, "[1.0,12345678901234567890]\nnull\n"),
    input: "value",
  });
  assert.deepEqual(outcomes(echoed.results).length, 2);
});

Deno.test("a batch of values with bytes, and of a tool that streams", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const { results } = await run(den, {
    tool: "bytes_length",
    inputs: [new Uint8Array([1]), new Uint8Array([2, 3])],
    input: "data",
  });
  assert.deepEqual(outcomes(results), [new Uint8Array([1, 1]), new Uint8Array([2, 3, 2, 3])]);
  const counts = await run(den, { tool: "count", inputs: [{ n: 0 }, { n: 3 }] });
  assert.deepEqual(outcomes(counts.results), [[], [0, 1, 2]]);
});

Deno.test("whole numbers beyond 2^53 are exact in items and in results", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const big = 12345678901234567890n;
  const listed = await run(den, { tool: "echo", inputs: [big, { big }], input: "value" });
  assert.deepEqual(outcomes(listed.results), [big, { big }]);
  const bytes = '{"$snakeden":"bytes","base64":"AQ=="}';
  const inputsFile = await fileOf(den, `${big}\n{"big":${big},"bytes":${bytes}}\n`);
  const read = await run(den, { tool: "echo", inputsFile, input: "value" });
  assert.deepEqual(outcomes(read.results), [big, { big, bytes: new Uint8Array([1]) }]);
});

Deno.test("an item that fails is tried again, or its error is in the result, and others go on", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  await using den = await startDen({ adapter: "batch_work", env });
  const inputs = [{ key: 1 }, { key: 2, times: 1 }, { key: 3, times: 5 }, { key: 4 }];
  const retry = { minMs: 1, maxMs: 5 };
  const { results, job } = await run(den, {
    tool: "moody",
    inputs,
    items: { maxAttempts: 3, retry },
  });
  assert.deepEqual(outcomes(results), [1, 2, "python_exception", 1]);
  assert.deepEqual([job.state, job.items], ["completed", { done: 4, failed: 1, total: 4 }]);
  const never = await run(den, {
    tool: "moody",
    inputs: [{ key: 5, times: 1 }],
    items: { maxAttempts: 3, retry: { ...retry, never: ["ValueError"] } },
  });
  assert.deepEqual(outcomes(never.results), ["python_exception"]);
});

Deno.test("a worker that dies costs only the item that ran", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  await using den = await startDen({ adapter: "batch_work", env, taintAfter: 0 });
  const inputs = Array.from({ length: 300 }, (_, key) => ({
    key,
    ...(key === 100 ? { times: 1, how: "kill" } : key === 200 ? { times: 9, how: "kill" } : {}),
  }));
  const { results, job } = await run(den, {
    tool: "moody",
    inputs,
    items: { maxAttempts: 2, retry: { minMs: 1 } },
  });
  // Those of the same part whose results had not come run again.
  const [first, second, ...rest] = [results[100], results[200], ...results];
  assert.deepEqual(outcomes(first && second ? [first, second] : []), [2, "worker_crashed"]);
  assert.equal(rest.length, 300);
  for (const it of rest) {
    assert.ok(it.index === 200 || "result" in it && [1, 2].includes(Number(it.result)));
  }
  assert.deepEqual(job.items, { done: 300, failed: 1, total: 300 });
});

Deno.test("an item that takes too long fails alone", async () => {
  await using dir = await tempDir();
  const env = { LEDGER_PATH: join(dir.path, "ledger") };
  await using den = await startDen({ adapter: "batch_work", env });
  const inputs = [{ key: 1 }, { key: 2, times: 9, how: "hang" }, { key: 3 }];
  const { results } = await run(den, { tool: "moody", inputs, timeoutMs: 300 });
  assert.deepEqual(outcomes(results), [1, "deadline_exceeded", 1]);
});

Deno.test("a batch whose file is no table fails with the line, and an empty one is completed", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const handle = await den.jobs.submit({
    kind: "batch",
    tool: "total",
    inputsFile: await fileOf(den, "a,a\n1,2\n"),
    format: "csv",
  });
  await assert.rejects(Array.fromAsync(handle.results()), {
    code: "invalid_input",
    message: /as csv: line 1: the header has two columns with the name "a"/,
  });
  const empty = await run(den, { tool: "square", inputs: [] });
  assert.deepEqual([empty.results, empty.job.state], [[], "completed"]);
});

Deno.test("a submission of a batch that is wrong names each field", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const wrong = [
    [{}, "inputs"],
    [{ inputs: [], inputsFile: "x" }, "inputsFile"],
    [{ inputs: [], format: "csv" }, "format"],
    [{ inputsFile: "x", format: "lines" }, "input"],
    [{ inputs: [{}, 5] }, "inputs[1]"],
    [{ inputs: [], window: 0 }, "window"],
    [{ inputs: [], items: { maxAttempts: 0 } }, "items.maxAttempts"],
    [{ inputs: [], sessionId: "s" }, "sessionId"],
  ] as const;
  for (const [fields, path] of wrong) {
    const input = { kind: "batch", tool: "square", ...fields } as unknown as JobInput;
    const error = await den.jobs.submit(input).then(() => undefined, (it) => it);
    assert.deepEqual(error?.issues?.map((it: { path: string }) => it.path), [path], path);
  }
  await assert.rejects(
    den.jobs.submit({ kind: "batch", tool: "square", inputsFile: crypto.randomUUID() }),
    { code: "unknown_file" },
  );
});

Deno.test("a batch that is cancelled ends soon, and goes on where it was when it is retried", async () => {
  await using dir = await tempDir();
  const ledger = join(dir.path, "ledger");
  await using den = await startDen({ adapter: "batch_work", env: { LEDGER_PATH: ledger } });
  const inputs = Array.from({ length: 400 }, (_, key) => ({ key, seconds: 0.005 }));
  const handle = await den.jobs.submit({ kind: "batch", tool: "square", inputs });
  const seen = [];
  for await (const result of handle.results()) {
    seen.push(result);
    if (seen.length === 20) break;
  }
  await handle.cancel();
  const cancelled = await handle.done();
  assert.equal(cancelled.state, "cancelled");
  const before = await Array.fromAsync(handle.results({ follow: false }));
  assert.ok(before.length >= 20 && before.length < 400, `${before.length}`);
  await handle.retry();
  const all = await Array.fromAsync(handle.results());
  assert.deepEqual(all.map(({ index }) => index).toSorted((a, b) => a - b), [...inputs.keys()]);
  assert.deepEqual(all.slice(0, before.length), before);
  const starts = (await Deno.readTextFile(ledger)).split("\n").length - 1;
  assert.ok(starts < 500, `${starts} starts`);
});
