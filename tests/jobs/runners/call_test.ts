/** Calls as jobs, with real Python workers in a whole host. */
import assert from "node:assert/strict";
import { type Job, type JobInput, type Snakeden, SnakedenError } from "../../../mod.ts";
import { isAlive, startDen, tempDir } from "../../fixtures/host.ts";
import { until, untilText } from "../../fixtures/until.ts";

interface SetUp extends AsyncDisposable {
  readonly den: Snakeden;
  /** A file for the starts of a job. */
  readonly path: string;
  /** Submits a job, and waits for its end. */
  ended(input: JobInput): Promise<Job>;
  /** Returns the pids and the job ids of all starts. */
  starts(): Promise<{ readonly pid: number; readonly id: string }[]>;
}

const MIB = 1 << 20;
const SOON = { minMs: 0 } as const;

async function setUp(
  pool: Parameters<typeof startDen>[0] = {},
  options: Parameters<typeof startDen>[1] = {},
): Promise<SetUp> {
  const dir = await tempDir();
  const den = await startDen({ adapter: "job_tools", taintAfter: 0, ...pool }, options);
  const path = `${dir.path}/starts`;
  return {
    den,
    path,
    ended: async (input) => await (await den.jobs.submit(input)).done(),
    starts: async () =>
      (await untilText(path)).trim().split("\n").map((line) => {
        const [pid, id = ""] = line.split(" ");
        return { pid: Number(pid), id };
      }),
    async [Symbol.asyncDispose](): Promise<void> {
      await den.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a job whose worker is killed is tried again, and its record has both attempts (${carrier})`, async () => {
    await using it = await setUp({ carrier });
    const tool = "die_at_first";
    const job = await it.ended({ tool, args: { path: it.path }, retry: SOON });
    assert.deepEqual([job.state, job.result, job.attempt], ["completed", 2, 2]);
    const [first, second] = job.attempts ?? [];
    assert.deepEqual([first?.outcome, first?.error?.code], ["failed", "worker_crashed"]);
    assert.deepEqual(first?.exit, { signal: "SIGKILL" });
    assert.match(first?.worker ?? "", /^default-/);
    assert.deepEqual([second?.outcome, second?.error], ["completed", undefined]);
    const starts = await it.starts();
    assert.deepEqual(starts.map(({ id }) => id), [job.id, job.id], "the tool knows its job");
  });
}

Deno.test("neither the retry of a pool nor that of an idempotent tool multiplies the attempts of a job", async () => {
  await using it = await setUp({
    adapter: "counts_sessions",
    retry: { attempts: 3, baseMs: 1 },
  });
  const job = await it.ended({ tool: "die", maxAttempts: 2, retry: SOON });
  assert.deepEqual([job.state, job.error?.code], ["discarded", "worker_crashed"]);
  assert.equal(it.den.pools.get("default").crashes.total, 2);
});

Deno.test("a job that takes too much memory fails with out_of_memory, apart from a crash", async () => {
  await using it = await setUp({ limits: { memoryBytes: 256 * MIB } });
  const job = await it.ended({ tool: "eat", args: { megabytes: 1_000 }, maxAttempts: 1 });
  assert.deepEqual([job.state, job.error?.code], ["discarded", "out_of_memory"]);
  assert.equal(job.error?.details?.limit, "memoryBytes");
});

Deno.test("a job fails at its deadline, and is tried again when its work is really over", async () => {
  await using it = await setUp({ cancelGraceMs: 300 });
  const args = { path: it.path, seconds: 60 };
  const job = await it.ended({ tool: "ignore", args, timeoutMs: 200, maxAttempts: 2, retry: SOON });
  assert.deepEqual([job.state, job.error?.code], ["discarded", "deadline_exceeded"]);
  const [first, second] = job.attempts ?? [];
  assert.ok(first && second);
  // The worker ignores the cancel, so it has to be killed before the second attempt.
  assert.ok(first.durationMs >= 400, `${first.durationMs} ms`);
  assert.ok(Date.parse(second.startedAt) >= Date.parse(first.finishedAt));
});

Deno.test("a job fails with stalled when it shows nothing for too long", async () => {
  await using it = await setUp();
  const args = { path: it.path, seconds: 60 };
  const job = await it.ended({ tool: "work", args, stallTimeoutMs: 150, maxAttempts: 1 });
  assert.deepEqual([job.state, job.error?.code], ["discarded", "stalled"]);
});

Deno.test("the cancellation of a job reaches Python, and its worker serves on", async () => {
  await using it = await setUp({ size: 1 });
  const handle = await it.den.jobs.submit({ tool: "work", args: { path: it.path, seconds: 60 } });
  await it.starts();
  await until(async () => (await handle.refresh()).progress, "progress is there");
  assert.equal(handle.job.worker, "default-1");
  await handle.cancel({ reason: "not needed" });
  const job = await handle.done();
  assert.deepEqual([job.state, job.cancelReason], ["cancelled", "not needed"]);
  assert.equal(await untilText(`${it.path}.cancelled`), "cancelled");
  assert.equal(await it.den.execute("long_text", { length: 2 }), "xx");
  assert.equal(it.den.pools.get("default").stats.restarts, 0);
});

Deno.test("the cancellation of a job kills a worker that ignores it", async () => {
  await using it = await setUp({ size: 1, cancelGraceMs: 200 });
  const handle = await it.den.jobs.submit({ tool: "ignore", args: { path: it.path, seconds: 60 } });
  const [start] = await it.starts();
  assert.ok(start);
  await handle.cancel();
  const job = await handle.done();
  assert.equal(job.state, "cancelled");
  assert.equal(isAlive(start.pid), false, "its work was over before the job was");
});

Deno.test("a Python exception is kept with its class, and `never` by a base class ends the job", async () => {
  await using it = await setUp();
  const tool = "fail_until";
  const args = { path: it.path, starts: 3 };
  const job = await it.ended({ tool, args, retry: SOON });
  assert.deepEqual([job.state, job.result, job.attempt], ["completed", 3, 3]);
  const first = job.attempts?.[0]?.error;
  assert.equal((first?.details?.python as { type: string }).type, "FileNotFoundError");
  const other = { path: `${it.path}-2`, starts: 3 };
  const final = await it.ended({ tool, args: other, retry: { ...SOON, never: ["OSError"] } });
  assert.deepEqual([final.state, final.attempt], ["discarded", 1]);
});

Deno.test("wrong arguments discard a job at once", async () => {
  await using it = await setUp();
  const job = await it.ended({ tool: "long_text", args: { length: "long" }, retry: SOON });
  assert.deepEqual([job.state, job.error?.code, job.attempt], [
    "discarded",
    "invalid_arguments",
    1,
  ]);
});

Deno.test("a streaming tool keeps its chunks as events, and its result is that of execute()", async () => {
  await using it = await setUp();
  const args = { path: it.path, count: 20 };
  const handle = await it.den.jobs.submit({ tool: "stream", args });
  const chunks: unknown[] = [];
  for await (const event of handle) if (event.type === "chunk") chunks.push(event.value);
  assert.deepEqual(chunks, Array.from({ length: 20 }, (_, i) => ({ i })));
  assert.deepEqual(await handle.result(), await it.den.execute("stream", args));
});

Deno.test("a result over jobs.maxResultBytes fails the job, also one of chunks", async () => {
  await using it = await setUp({}, { jobs: { maxResultBytes: 1_024 } });
  const long = await it.ended({ tool: "long_text", args: { length: 2_000 }, retry: SOON });
  assert.deepEqual([long.state, long.error?.code, long.attempt], [
    "discarded",
    "result_too_large",
    1,
  ]);
  const chunks = await it.ended({ tool: "stream", args: { path: it.path, count: 10_000 } });
  assert.deepEqual([chunks.state, chunks.error?.code], ["discarded", "result_too_large"]);
});

Deno.test("a job is refused at its submission if its tool, its pool or its arguments are wrong", async () => {
  await using it = await setUp({}, { jobs: { maxArgsBytes: 1_024 } });
  const refused = async (input: JobInput): Promise<SnakedenError> => {
    const error = await it.den.jobs.submit(input).then(() => undefined, (it: unknown) => it);
    assert.ok(error instanceof SnakedenError, String(error));
    return error;
  };
  assert.equal((await refused({ tool: "wrok" })).code, "unknown_tool");
  assert.equal((await refused({ tool: "work", pool: "defualt" })).code, "unknown_pool");
  const long = await refused({ tool: "work", args: { path: "x".repeat(2_000) } });
  assert.match(long.message, /args: given 2\d{3} bytes; allowed: at most 1024/);
  const endless = (async function* (): AsyncGenerator<number> {
    yield await Promise.resolve(1);
  })();
  const stream = await refused({ tool: "work", args: { path: endless } });
  assert.match(stream.message, /input stream/);
});

Deno.test("a strict job of a session waits for its worker, and is not given back", async () => {
  await using it = await setUp({ adapter: "counts_sessions", affinity: "strict_queue" });
  await it.den.sessions.open("s1");
  const count = (seconds: number): JobInput => ({
    tool: "count",
    args: { seconds },
    sessionId: "s1",
    affinity: "strict_queue",
  });
  const jobs = await it.den.jobs.submitMany([count(1), count(0), count(0)]);
  const ended = await Promise.all(jobs.map(({ id }) => it.den.jobs.wait(id)));
  const counts = ended.map(({ result }) => result as { count: number; pid: number });
  assert.deepEqual(counts.map((it) => it.count), [1, 2, 3]);
  assert.equal(new Set(counts.map((it) => it.pid)).size, 1);
  assert.deepEqual(ended.map(({ attempts }) => attempts?.length), [1, 1, 1]);
});
