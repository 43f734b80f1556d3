/** The ends of script jobs: whatever ends them, no process is left. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Job, JobInput } from "../../mod.ts";
import { SnakedenClient } from "../../src/client/mod.ts";
import { isAlive, ServerProcess, tempDir } from "../fixtures/host.ts";
import { errorOf, ran, SCRIPTS, start, textsOf } from "../fixtures/script_jobs.ts";
import { until } from "../fixtures/until.ts";

const WAITS = { kind: "script", script: "leaves.py", args: ["0", "waits"] } as const;

/** Waits until a script has reported the processes that it has started. */
async function pidsOf(
  job: { refresh(): Promise<Pick<Job, "progress">> },
): Promise<readonly number[]> {
  return await until(async () => {
    const { progress } = await job.refresh();
    return (progress as { pids?: readonly number[] } | undefined)?.pids;
  }, "the processes of the script");
}

function living(pids: readonly number[]): number[] {
  return pids.filter(isAlive);
}

Deno.test("a script that is cancelled leaves no process, and its log says so", async () => {
  await using den = await start({ scripts: { killGraceMs: 100 } });
  const job = await den.jobs.submit(WAITS);
  const pids = await pidsOf(job);
  assert.equal(pids.length, 4);
  assert.deepEqual(living(pids), pids);
  await job.cancel();
  const { state } = await job.done();
  // The job has not ended before its last process.
  assert.deepEqual(living(pids), []);
  assert.equal(state, "cancelled");
  const said = (await textsOf(job, "host")).join("\n");
  assert.match(said, /^attempt 1 of 3 started in the slot @scripts-\d+$/m);
  assert.match(said, /attempt 1 of 3 was cancelled/);
});

Deno.test("a script that exits leaves none of the processes that it has started", async () => {
  await using den = await start();
  for (const code of ["0", "3"]) {
    const job = await ran(den, { script: "leaves.py", args: [code] });
    assert.deepEqual(living(await pidsOf(job)), []);
    assert.match((await textsOf(job, "host")).join("\n"), /killed 3 processes that it has left/);
    assert.equal(job.job.state, code === "0" ? "completed" : "discarded");
    const [attempt] = job.job.attempts ?? [];
    assert.deepEqual(attempt?.exit, code === "0" ? undefined : { code: 3 });
  }
});

Deno.test("a script over a limit is ended with an error that names it", async () => {
  const memoryBytes = 256 * 1024 * 1024;
  await using den = await start({
    scripts: { memoryBytes, openFiles: 256, maxOutputBytes: 20_000_000, killGraceMs: 100 },
  });
  const cases = {
    memory: { code: "script_limit", text: /held \d+ bytes of memory; allowed: at most 268435456/ },
    cpu: { code: "script_limit", text: /used more than 1000 ms of CPU time/ },
    output: { code: "script_limit", text: /printed more than 20000000 bytes/ },
    one_line: { code: "script_limit", text: /printed more than 20000000 bytes/ },
    files: { code: "script_failed", text: /ended with the status 1.*Too many open files/s },
    time: { code: "deadline_exceeded", text: /ran for longer than 500 ms/ },
    silence: { code: "stalled", text: /printed nothing for 300 ms/ },
  } as const;
  await Promise.all(
    Object.entries(cases).map(async ([kind, { code, text }]) => {
      const error = await errorOf(den, {
        script: "limits.py",
        args: [kind],
        ...(kind === "time" ? { timeoutMs: 500 } : {}),
        ...(kind === "silence" ? { stallTimeoutMs: 300 } : {}),
        ...(kind === "cpu" ? { limits: { cpuMs: 1_000 } } : {}),
      });
      assert.equal(error.code, code);
      assert.match(error.message, text);
      if (code === "script_limit") {
        assert.equal(error.details?.limit, kind === "one_line" ? "output" : kind);
      }
    }),
  );
});

Deno.test("a script that cannot be started fails, and says why", async () => {
  await using folder = await tempDir();
  await Deno.writeTextFile(join(folder.path, "gone.py"), "");
  await using den = await start({ scriptFolders: [folder.path] });
  const job = await den.jobs.submit({
    kind: "script",
    script: "gone.py",
    delayMs: 300,
    maxAttempts: 1,
  });
  await Deno.remove(join(folder.path, "gone.py"));
  const { error } = await job.done();
  assert.equal(error?.code, "unknown_script");
});

Deno.test("more scripts than slots wait for their turn, and leave nothing", async () => {
  await using den = await start({ scripts: { concurrency: 2 } });
  const inputs = Array.from({ length: 10 }, (_, i): JobInput => ({
    kind: "script",
    script: "echo.py",
    args: [String(i)],
  }));
  const jobs = await den.jobs.submitMany(inputs);
  let most = 0;
  for (const { id } of jobs) {
    while (!(await den.jobs.wait(id, { timeoutMs: 20 })).done) {
      const { items } = await den.jobs.list({ state: "running" });
      most = Math.max(most, items.filter(({ worker }) => worker !== undefined).length);
    }
    const { state, attempt, attempts } = await den.jobs.get(id);
    assert.deepEqual([state, attempt, attempts?.length], ["completed", 1, 1]);
  }
  assert.ok(most <= 2, `${most} ran at once`);
});

Deno.test("a host that stops gives its scripts back at no cost, and leaves no process", async () => {
  await using folder = await tempDir();
  const options = { scripts: { killGraceMs: 100 } };
  let pids: readonly number[];
  let id: string;
  {
    await using den = await start(options, folder.path);
    const job = await den.jobs.submit({ ...WAITS, maxAttempts: 1 });
    ({ id } = job);
    pids = await pidsOf(job);
  }
  assert.deepEqual(living(pids), []);
  await using den = await start(options, folder.path);
  await until(async () => (await den.jobs.get(id)).state === "running", "the next run");
  const { attempt, attempts } = await den.jobs.get(id);
  assert.deepEqual([attempt, attempts?.map(({ outcome }) => outcome)], [1, ["returned"]]);
  await den.jobs.cancel(id);
  assert.equal((await den.jobs.wait(id)).state, "cancelled");
});

Deno.test("a script whose host is killed leaves no process, and has its next attempt", async () => {
  await using folder = await tempDir();
  const config = JSON.stringify({
    jobs: { scriptFolders: [SCRIPTS], scripts: { killGraceMs: 100 } },
    pools: [{ name: "default", size: 1 }],
  });
  const options = { dataDir: folder.path, env: { SNAKEDEN_CONFIG_JSON: config } };
  let pids: readonly number[];
  let id: string;
  {
    await using server = await ServerProcess.start(options);
    await using den = new SnakedenClient({ baseUrl: server.url });
    const job = await den.jobs.submit(WAITS);
    ({ id } = job);
    pids = await pidsOf(job);
    server.kill("SIGKILL");
    await server.finished();
  }
  await until(() => living(pids).length === 0, "the processes of the script to be gone");
  await using server = await ServerProcess.start(options);
  await using den = new SnakedenClient({ baseUrl: server.url });
  const job = await until(async () => {
    const it = await den.jobs.get(id);
    return it.state === "running" && it.attempt === 2 ? it : undefined;
  }, "the second attempt");
  assert.deepEqual(job.attempts?.map(({ outcome }) => outcome), ["lost"]);
  await den.jobs.cancel(id);
  assert.equal((await den.jobs.wait(id)).state, "cancelled");
});
