/**
 * Sends a table to the inbox, and fetches its right and its wrong rows as two tables.
 *
 *     deno run --allow-net --allow-read --allow-write \
 *       examples/spreadsheet_inbox/inbox.ts TABLE.csv [FOLDER [URL]]
 *
 * An interrupt (Ctrl-C) cancels the job that runs.
 */
import { type Job, type JobHandle, SnakedenClient } from "snakeden/client";

const [path, folder = ".", url = "http://127.0.0.1:8000"] = Deno.args;
if (path === undefined) {
  console.error("usage: inbox.ts TABLE.csv [FOLDER [URL]]");
  Deno.exit(2);
}
await using client = new SnakedenClient({ baseUrl: url });

// 1. The table goes up.
const { readable } = await Deno.open(path);
const table = await client.files.add(readable, { name: "table.csv", mediaType: "text/csv" });

// 2. A batch checks its rows, on all workers of the pool.
const batch = await client.jobs.submit({
  kind: "batch",
  tool: "check_row",
  inputsFile: table.id,
  format: "csv",
  input: "row",
  maxAttempts: 10,
  resultFile: true,
});
const { resultFile } = await end("check", batch);

// 3. A job splits the table by the results.
const split = await client.jobs.submit({
  tool: "split_table",
  args: { table: { $file: table.id }, results: { $file: resultFile } },
});
await end("split", split);

// 4. The two files of that job come down.
for (const { id, name, bytes } of (await client.jobs.artifacts(split.id)).items) {
  const file = await Deno.create(`${folder}/${name}`);
  await (await client.files.open(id)).pipeTo(file.writable);
  console.log(`${folder}/${name}: ${bytes} bytes`);
}

/** Waits for the end of a job, through restarts of the server. */
async function end(name: string, job: JobHandle): Promise<Job> {
  const cancel = (): void => void job.cancel().catch(console.error);
  Deno.addSignalListener("SIGINT", cancel);
  console.log(`${name}: ${job.id}`);
  const ended = await job.done();
  const { state, items, error } = ended;
  Deno.removeSignalListener("SIGINT", cancel);
  if (state !== "completed") {
    console.error(`${name}: ${state} ${error?.message ?? ""}`);
    Deno.exit(1);
  }
  if (items !== undefined) console.log(`${name}: ${items.done} rows, ${items.failed} failed`);
  return ended;
}
