/** Tests the surroundings of the items of a batch: files, output and the job, with real workers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { BatchResult, JobInput, Snakeden } from "../../../mod.ts";
import { startDen, tempDir } from "../../fixtures/host.ts";

type Batch = Extract<JobInput, { readonly kind: "batch" }>;

async function run(
  den: Snakeden,
  batch: Omit<Batch, "kind">,
): Promise<{ readonly id: string; readonly results: readonly BatchResult[] }> {
  const handle = await den.jobs.submit({ kind: "batch", ...batch });
  const results = await Array.fromAsync(handle.results());
  await handle.done();
  return { id: handle.id, results: results.toSorted((a, b) => a.index - b.index) };
}

function outcomes(results: readonly BatchResult[]): unknown[] {
  return results.map((it) => "error" in it ? it.error.code : it.result);
}

async function fileOf(den: Snakeden, text: string): Promise<{ readonly $file: string }> {
  const { id } = await den.files.add(new TextEncoder().encode(text));
  return { $file: id };
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`${carrier}: the items of a batch are given the files that they name`, async () => {
    await using den = await startDen({ adapter: "batch_work", carrier });
    const [one, two] = [await fileOf(den, "1"), await fileOf(den, "22")];
    const inline = await run(den, {
      tool: "text_length",
      inputs: [{ data: one }, { data: two }, { data: one }],
    });
    assert.deepEqual(outcomes(inline.results), [1, 2, 1]);
    const common = await run(den, { tool: "text_length", inputs: [{}, {}], args: { data: two } });
    assert.deepEqual(outcomes(common.results), [2, 2]);
  });

  Deno.test(`${carrier}: what the items of a batch print and log is in the log of the job`, async () => {
    await using den = await startDen({ adapter: "batch_work", carrier });
    const inputs = Array.from({ length: 500 }, (_, n) => ({ n }));
    const { id } = await run(den, { tool: "talk", inputs });
    const lines = await Array.fromAsync(den.jobs.logs(id, { follow: false }));
    const textsOf = (source: string): string[] =>
      lines.filter((it) => it.source === source).map(({ text }) => text).toSorted();
    assert.deepEqual(textsOf("stdout"), inputs.map(({ n }) => `item ${n}`).toSorted());
    assert.deepEqual(textsOf("log"), inputs.map(({ n }) => `logged ${n}`).toSorted());
  });
}

for (const how of ["raise", "kill"]) {
  Deno.test(`an item that runs again has its file again, and so have its neighbours (${how})`, async () => {
    await using dir = await tempDir();
    await using den = await startDen({ adapter: "batch_work", taintAfter: 0 });
    const data = await fileOf(den, "again");
    const { results } = await run(den, {
      tool: "read_again",
      inputs: Array.from({ length: 40 }, (_, i) => ({
        data,
        how,
        ...(i % 10 === 3 ? { fails: join(dir.path, `failed-${i}`) } : {}),
      })),
      items: { maxAttempts: 2, retry: { minMs: 1, maxMs: 5 } },
    });
    assert.deepEqual(outcomes(results), Array.from({ length: 40 }, () => 5));
  });
}

Deno.test("an item whose file is unknown fails alone; a submission that names one is refused", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const file = await fileOf(den, "three");
  const lines = [{ data: { $file: "none" } }, { data: file }, { data: { $file: 7 } }]
    .map((it) => JSON.stringify(it)).join("\n");
  const { $file: inputsFile } = await fileOf(den, lines);
  const { results } = await run(den, { tool: "text_length", inputsFile });
  assert.deepEqual(outcomes(results), ["unknown_file", 5, "invalid_input"]);
  const wrong = den.jobs.submit({
    kind: "batch",
    tool: "text_length",
    inputs: [{ data: file }, { data: { $file: "none" } }],
  });
  await assert.rejects(wrong, { code: "unknown_file", message: /inputs\[1\]\.data/ });
  const noList = den.jobs.submit({ kind: "batch", tool: "text_length", inputsFile: "none" });
  await assert.rejects(noList, { code: "unknown_file", message: /inputsFile/ });
});

Deno.test("a batch keeps the files that it names, and those that its items make", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const file = await fileOf(den, "kept");
  const { id } = await run(den, { tool: "text_length", inputs: [{ data: file }] });
  await assert.rejects(den.files.remove(file.$file), {
    code: "file_in_use",
    details: { jobId: id, fileId: file.$file },
  });
  const made = await run(den, { tool: "write_down", inputs: [{ text: "a" }, { text: "b" }] });
  const { items } = await den.jobs.artifacts(made.id);
  assert.deepEqual(items.map(({ name, job }) => [name, job]).toSorted(), [
    ["a.txt", made.id],
    ["b.txt", made.id],
  ]);
});

Deno.test("the cells of a table have the types of the parameters, in columns and in a row", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const table = "n,scale,label,limit\n1,0.5,007,\n2,2,x,9\nthree,1,y,9\n";
  const { $file: inputsFile } = await fileOf(den, table);
  const columns = await run(den, { tool: "scaled", inputsFile, format: "csv" });
  assert.deepEqual(outcomes(columns.results), [
    [0.5, "007", null],
    [4, "x", 9],
    "invalid_arguments",
  ]);
  const { results } = await run(den, {
    tool: "scaled_row",
    inputsFile,
    format: "csv",
    input: "row",
  });
  assert.deepEqual(outcomes(results), [[0.5, "007", null], [4, "x", 9], "invalid_arguments"]);
});

Deno.test("the result of a batch can be kept as a file, which another job is given", async () => {
  await using den = await startDen({ adapter: "batch_work" });
  const inputs = Array.from({ length: 2_000 }, (_, key) => ({ key }));
  const { id, results } = await run(den, { tool: "square", inputs, resultFile: true });
  const { resultFile = "" } = await den.jobs.get(id);
  const { name, job, bytes, mediaType } = await den.files.get(resultFile);
  assert.deepEqual([name, job, mediaType], ["result.ndjson", id, "application/x-ndjson"]);
  const text = await new Response(await den.files.open(resultFile)).text();
  const lines = text.trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(lines.toSorted((a, b) => a.index - b.index), results);
  const next = await den.jobs.submit({
    tool: "text_length",
    args: { data: { $file: resultFile } },
  });
  assert.equal(await next.result(), bytes);
  const { id: plain } = await run(den, { tool: "square", inputs: [{ key: 1 }] });
  assert.equal((await den.jobs.get(plain)).resultFile, undefined);
});
