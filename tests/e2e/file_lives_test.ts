/** Tests of the files of calls and jobs while workers die, callers leave and time runs out. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { filesOfCalls, startFilesDen, untilNoFolders } from "../fixtures/files_den.ts";
import { until } from "../fixtures/until.ts";

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`files are there again when a call runs again, in another worker or by its policy (${carrier})`, async () => {
    await using it = await startFilesDen({
      carrier,
      size: 2,
      taintAfter: 0,
      retry: { attempts: 2, baseMs: 1, capMs: 1, codes: ["python_exception"] },
    });
    const source = await it.add("still here");
    for (const tool of ["dies_once", "fails_first"]) {
      const mark = join(it.dataDir, tool);
      const result = await it.den.execute(tool, { source, mark }, { idempotent: true });
      assert.equal(result, "still here", tool);
    }
    await untilNoFolders(it.dataDir);
  });

  Deno.test(`calls that are sent ahead keep their files until they run (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier });
    const sources = await Promise.all(Array.from({ length: 30 }, (_, i) => it.add(`text ${i}`)));
    const results = await Promise.all(
      sources.map((source) => it.den.execute("content", { source })),
    );
    assert.deepEqual(results, sources.map((_, i) => `text ${i}`));
    await untilNoFolders(it.dataDir);
  });

  Deno.test(`the folder goes with a call however it ends (${carrier})`, async () => {
    await using it = await startFilesDen({ carrier, taintAfter: 0, cancelGraceMs: 200 });
    const source = await it.add("x");
    await assert.rejects(it.den.execute("dies", { source }, { idempotent: false }), {
      code: "worker_crashed",
    });
    await untilNoFolders(it.dataDir);
    await assert.rejects(it.den.execute("waits", { source }, { timeoutMs: 300 }), {
      code: "deadline_exceeded",
    });
    await untilNoFolders(it.dataDir);
    await assert.rejects(it.den.execute("half", { wait: true, source }, { timeoutMs: 300 }), {
      code: "deadline_exceeded",
    });
    await untilNoFolders(it.dataDir);
    const leaving = new AbortController();
    const call = it.den.execute("half", { wait: true, source }, { signal: leaving.signal });
    call.catch(() => {});
    await until(
      async () => (await filesOfCalls(it.dataDir)).some((path) => path.endsWith("half.txt")),
      "half a file is there",
    );
    leaving.abort(new Error("left"));
    await assert.rejects(call, { message: "left" });
    await untilNoFolders(it.dataDir);
    assert.equal((await it.den.files.list()).items.length, 1);
    await it.den.files.remove(source.$file);
  });
}

Deno.test("arguments with files are poison whatever the places of their files", async () => {
  await using it = await startFilesDen({ taintAfter: 0, poisonAfter: 2 });
  const source = await it.add("x");
  for (let i = 0; i < 2; i++) {
    await assert.rejects(it.den.execute("dies", { source }, { idempotent: false }), {
      code: "worker_crashed",
    });
  }
  await assert.rejects(it.den.execute("dies", { source }), { code: "poison_call" });
  await assert.rejects(it.den.execute("dies", { source: await it.add("x") }), {
    code: "worker_crashed",
  });
});

Deno.test("a job keeps the files that it names, and those that it makes", async () => {
  await using it = await startFilesDen();
  const { jobs, files } = it.den;
  const source = await it.add("a,b");
  const job = await jobs.submit({ tool: "artifacts", args: { source, count: 3 } });
  const result = await job.result<{ last: { $file: string } }>();
  const { items } = await jobs.artifacts(job.id);
  assert.deepEqual(items.map(({ name }) => name), ["part-2.csv", "part-1.csv", "part-0.csv"]);
  assert(items.every((file) => file.job === job.id && file.expiresAt === undefined));
  assert.equal(items[0]?.id, result.last.$file);
  assert.equal(items[0]?.mediaType, "text/csv");
  assert.equal(await it.read(result.last), "2,a,b");
  const page = await jobs.artifacts(job.id, { limit: 2 });
  assert.equal(page.items.length, 2);
  assert.equal((await jobs.artifacts(job.id, { cursor: page.cursor ?? "" })).items.length, 1);
  await assert.rejects(jobs.artifacts("nothing"), { code: "unknown_job" });
  await assert.rejects(files.remove(source.$file), { code: "file_in_use" });
  // The request id of a call is anybody's choice, and gives it no job.
  await it.den.execute("artifacts", { source }, { requestId: job.id });
  assert.equal((await jobs.artifacts(job.id)).items.length, 3);
  // A streaming tool makes them too.
  const streaming = await jobs.submit({ tool: "split", args: { source } });
  await streaming.done();
  assert.equal((await jobs.artifacts(streaming.id)).items.length, 1);
  await untilNoFolders(it.dataDir);
});

Deno.test("a job that runs again has its files again", async () => {
  await using it = await startFilesDen({ taintAfter: 0 });
  const source = await it.add("still here");
  const retry = { minMs: 10, maxMs: 20 };
  for (const tool of ["dies_once", "fails_first"]) {
    const args = { source, mark: join(it.dataDir, tool) };
    const job = await it.den.jobs.submit({ tool, args, maxAttempts: 3, retry });
    assert.equal(await job.result(), "still here", tool);
    const { attempts } = await job.refresh();
    assert.equal(attempts?.length, 2);
  }
  await untilNoFolders(it.dataDir);
});

Deno.test("a job that names an unknown file is refused with the path of the field", async () => {
  await using it = await startFilesDen({}, { files: { maxFilesPerCall: 2 } });
  const { jobs } = it.den;
  const tool = "anything";
  const good = await it.add("x");
  await assert.rejects(jobs.submit({ tool, args: { value: [good, { $file: "gone" }] } }), {
    code: "unknown_file",
    message: 'Cannot submit the job: args.value[1]: given "gone", which is no file; allowed: ' +
      "the id of a file that is kept",
  });
  await assert.rejects(
    jobs.submitMany([{ tool, args: { value: good } }, {
      tool,
      args: { value: { $file: "gone" } },
    }]),
    { code: "unknown_file", message: /^Cannot submit the job: \[1\]\.args\.value: given "gone"/ },
  );
  await assert.rejects(jobs.submit({ tool, args: { value: { $file: good.$file, x: 1 } } }), {
    code: "invalid_input",
    message: /args\.value: given the key "x" beside \$file/,
  });
  const three = await Promise.all(["1", "2", "3"].map((text) => it.add(text)));
  await assert.rejects(jobs.submit({ tool, args: { value: three } }), {
    code: "invalid_input",
    message: /args\.value\[2\]: given 3 files; allowed: at most 2/,
  });
  assert.deepEqual((await jobs.list()).items, []);
});

Deno.test("a cancelled job leaves no folder and no half file", async () => {
  await using it = await startFilesDen();
  const source = await it.add("x");
  const job = await it.den.jobs.submit({ tool: "half", args: { wait: true, source } });
  await until(
    async () => (await filesOfCalls(it.dataDir)).some((path) => path.endsWith("half.txt")),
    "half a file is there",
  );
  await job.cancel();
  assert.equal((await job.done()).state, "cancelled");
  await untilNoFolders(it.dataDir);
  assert.deepEqual((await it.den.jobs.artifacts(job.id)).items, []);
});
