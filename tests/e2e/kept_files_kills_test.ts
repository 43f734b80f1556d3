/** Hosts that are killed after a job has kept its files, and before it has ended. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobInput } from "../../mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { JobHostProcess } from "../fixtures/jobs/job_host_process.ts";
import { SCRIPTS } from "../fixtures/script_jobs.ts";

const POOL = { adapter: "batch_work", size: 1 };
const JOBS = { leaseMs: 2_000, scriptFolders: [SCRIPTS] };

/** Kills the host of a job after it has kept a file; returns the files of the job after its end. */
async function filesAfterKills(
  input: JobInput,
  file: string,
): Promise<{ readonly names: readonly string[]; readonly text: string }> {
  await using dir = await tempDir();
  {
    await using host = await JobHostProcess.start({
      dir: dir.path,
      jobs: [[0, input]],
      pool: POOL,
      config: JOBS,
      diesAfterFile: file,
    });
    assert.equal((await host.finished()).signal, "SIGKILL");
  }
  await using den = await startDen(POOL, { dataDir: join(dir.path, "data"), jobs: JOBS });
  const [{ id } = assert.fail("there is no job")] = (await den.jobs.list()).items;
  const job = await den.jobs.wait(id);
  assert.deepEqual(
    [job.state, job.attempts?.map(({ outcome }) => outcome)],
    ["completed", ["lost", "completed"]],
  );
  const { items } = await den.jobs.artifacts(id);
  const last = items.find(({ name }) => name === file) ?? assert.fail("the file is gone");
  if (job.resultFile !== undefined) assert.equal(job.resultFile, last.id);
  return {
    names: items.map(({ name }) => name).sort(),
    text: await new Response(await den.files.open(last.id)).text(),
  };
}

Deno.test("a batch whose host is killed after it has kept its result has one result file", async () => {
  const inputs = Array.from({ length: 50 }, (_, key) => ({ key }));
  const { names, text } = await filesAfterKills(
    { kind: "batch", tool: "square", inputs, resultFile: true, maxAttempts: 5 },
    "result.ndjson",
  );
  assert.deepEqual(names, ["result.ndjson"]);
  const lines = text.trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(
    lines.toSorted((a, b) => a.index - b.index),
    inputs.map(({ key }) => ({ index: key, result: key ** 2 })),
  );
});

Deno.test("a script whose host is killed among its artifacts has each of them once", async () => {
  const { names } = await filesAfterKills(
    { kind: "script", script: "artifacts.py", args: ["3"], maxAttempts: 5 },
    "file-0000001.txt",
  );
  assert.deepEqual(names, [0, 1, 2].map((it) => `file-000000${it}.txt`));
});
