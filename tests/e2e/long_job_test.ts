/**
 * Jobs that outlast their leases, their host, or its sleep. With `deno task test --long`, one takes
 * ten minutes.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Job } from "../../mod.ts";
import {
  ADAPTERS,
  HostProcess,
  isAlive,
  ROOT,
  ServerProcess,
  tempDir,
  workersOf,
} from "../fixtures/host.ts";
import { assertNeverTwiceAtOnce, ledgerLines, startsOf } from "../fixtures/jobs/job_ledger.ts";
import { JobHostProcess, ledgerOf, numbered } from "../fixtures/jobs/job_host_process.ts";
import { until } from "../fixtures/until.ts";
import { openSqliteJobs } from "../../src/sqlite/mod.ts";

const LONG_S = Number(Deno.env.get("SNAKEDEN_LONG_JOB_S") ?? 20);
const PENGUINS = join(ROOT, "examples/csv_report/penguins.csv");

/** The outcomes of the attempts of a job, with their numbers. */
function outcomes({ attempts = [] }: Job): string[] {
  return attempts.map(({ attempt, outcome, error }) =>
    `${attempt} ${outcome}${error === undefined ? "" : ` ${error.code}`}`
  );
}

Deno.test(`A job of ${LONG_S} s is started once, with a lease of 1 s`, async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  await using host = await JobHostProcess.start({
    dir: dir.path,
    jobs: numbered(0, 1, () => ({ tool: "work", args: { key: 1, seconds: LONG_S } })),
    config: { leaseMs: 1_000 },
  });
  const [job] = await host.allJobs({ timeoutMs: 2_000 * LONG_S });
  assert.ok(job !== undefined);
  assert.deepEqual([job.state, outcomes(job)], ["completed", ["1 completed"]]);
  assert.ok((job.attempts?.[0]?.durationMs ?? 0) >= 1_000 * LONG_S);
  assert.deepEqual((await ledgerLines(ledger)).map(({ what }) => what), ["S", "E"]);
});

/** Writes the rows of a real file again and again, so that a profile takes some seconds. */
async function writeLongFile(path: string, times: number): Promise<number> {
  const [header = "", ...rows] = (await Deno.readTextFile(PENGUINS)).trim().split("\n");
  await Deno.writeTextFile(path, `${header}\n`);
  const block = `${rows.join("\n")}\n`.repeat(100);
  for (let i = 0; i < times; i += 100) await Deno.writeTextFile(path, block, { append: true });
  return rows.length * times;
}

Deno.test("A job that profiles a file runs again after SIGKILL of the host in the middle, and both attempts are in its record", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "long.csv");
  const rows = await writeLongFile(path, 1_500);
  const options = { dir: dir.path, follows: true, pool: { adapter: "snakeden.demo" } } as const;
  const jobs = numbered(0, 1, () => ({ tool: "profile_csv", args: { path } }));
  {
    await using host = await JobHostProcess.start({ ...options, jobs });
    await host.prints(/^progress /m);
    const workers = workersOf({ connect: join(dir.path, "data") });
    host.kill("SIGKILL");
    await host.finished();
    await until(() => !workers.some(isAlive), "the workers of the dead host to end");
  }
  await using host = await JobHostProcess.start(options);
  const [job] = await host.allJobs();
  assert.ok(job !== undefined);
  assert.deepEqual([job.state, outcomes(job)], ["completed", ["1 lost host_lost", "2 completed"]]);
  const result = job.result as { readonly rows: number; readonly columns: { name: string }[] };
  assert.equal(result.rows, rows);
  assert.deepEqual(result.columns.slice(0, 2).map(({ name }) => name), ["species", "island"]);
});

Deno.test("SIGTERM returns a running job without charge, and the next start runs it first", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const jobs = numbered(0, 3, (number) => ({
    tool: "steps",
    args: { count: number === 0 ? 40 : 1, seconds: 0.1 },
    maxAttempts: 1,
  }));
  {
    await using host = await JobHostProcess.start({ dir: dir.path, jobs, pool: { size: 1 } });
    await until(async () => (await ledgerLines(ledger)).length > 0, "the job to start");
    host.kill("SIGTERM");
    const { code, stderr } = await host.finished();
    assert.equal(code, 0, stderr);
    assert.deepEqual(workersOf({ connect: join(dir.path, "data") }), []);
  }
  assert.deepEqual((await ledgerLines(ledger)).map(({ what }) => what), ["S"]);
  await using host = await JobHostProcess.start({ dir: dir.path, pool: { size: 1 } });
  const all = (await host.allJobs()).toReversed();
  assert.deepEqual(all.map(outcomes), [
    ["1 returned", "1 completed"],
    ["1 completed"],
    ["1 completed"],
  ]);
  assert.deepEqual(all.map(({ attempt }) => attempt), [1, 1, 1]);
  const lines = await ledgerLines(ledger);
  const starts = lines.filter(({ what }) => what === "S").map(({ job }) => job);
  assert.deepEqual(starts, [all[0]?.id, ...all.map(({ id }) => id)]);
});

Deno.test("SIGTERM lets a running job finish within drainMs", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const jobs = numbered(0, 1, () => ({ tool: "work", args: { key: 1, seconds: 0.5 } }));
  {
    await using host = await JobHostProcess.start({ dir: dir.path, jobs, drainMs: 30_000 });
    await until(async () => (await ledgerLines(ledger)).length > 0, "the job to start");
    host.kill("SIGTERM");
    assert.equal((await host.finished()).code, 0);
  }
  await using host = await JobHostProcess.start({ dir: dir.path });
  const [job] = await host.allJobs();
  assert.deepEqual(job && outcomes(job), ["1 completed"]);
  assert.deepEqual((await ledgerLines(ledger)).map(({ what }) => what), ["S", "E"]);
});

Deno.test("A job that was cancelled while it ran is cancelled, and not run again, if its server is killed before it stops", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const env = { LEDGER_PATH: ledger };
  const config = join(dir.path, "snakeden.config.json");
  const pool = { name: "default", size: 1, adapter: "job_work", modulePaths: [ADAPTERS], env };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  const start = (): Promise<ServerProcess> =>
    ServerProcess.start({ dataDir: join(dir.path, "data"), env: { SNAKEDEN_CONFIG: config } });
  const ask = async (url: string, init: RequestInit = {}): Promise<Job> => {
    const type = init.body === undefined ? {} : { "content-type": "application/json" };
    return await (await fetch(url, { ...init, headers: type })).json();
  };
  let path = "";
  {
    await using server = await start();
    const jobs = `${server.url}/v1/jobs`;
    const { id } = await ask(jobs, { method: "POST", body: JSON.stringify({ tool: "deaf" }) });
    path = `/v1/jobs/${id}`;
    await until(async () => (await ledgerLines(ledger)).length > 0, "the job to start");
    const { cancelling } = await ask(`${jobs}/${id}/cancel?reason=enough`, { method: "POST" });
    server.kill("SIGKILL");
    assert.equal(cancelling, true);
    await server.finished();
  }
  await using server = await start();
  const job = await ask(`${server.url}${path}?wait=30`);
  assert.deepEqual([job.state, job.cancelReason], ["cancelled", "enough"]);
  assert.deepEqual(outcomes(job), ["1 lost host_lost"]);
  assert.equal((await ledgerLines(ledger)).length, 1);
});

Deno.test("A host that was stopped for longer than its leases goes on, and runs no job twice at once", async () => {
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const jobs = numbered(0, 4, (number) => ({
    tool: "work",
    args: { key: number, seconds: number < 2 ? 1 : 5 },
  }));
  await using host = await JobHostProcess.start({
    dir: dir.path,
    jobs,
    pool: { size: 4 },
    config: { leaseMs: 1_000 },
  });
  await until(async () => (await ledgerLines(ledger)).length === 4, "all jobs to start");
  host.kill("SIGSTOP");
  // The workers are not stopped: two of the jobs end while nobody can hear of it.
  await until(
    async () => (await ledgerLines(ledger)).filter(({ what }) => what === "E").length >= 2,
    "two jobs to end",
  );
  const stoppedAt = performance.now();
  await until(() => performance.now() - stoppedAt > 1_500, "the leases to run out");
  host.kill("SIGCONT");
  const all = await host.allJobs();
  assert.deepEqual(all.map(({ state }) => state), Array(4).fill("completed"));
  const lines = await ledgerLines(ledger);
  assertNeverTwiceAtOnce(lines);
  for (const { id, attempts = [] } of all) {
    assert.ok(await startsOf(ledger, id) <= attempts.length);
    assert.equal(attempts.filter(({ outcome }) => outcome === "completed").length, 1);
  }
});

Deno.test("A holder that was stopped by SIGSTOP cannot end a job that another one took after its lease", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "jobs.sqlite");
  const limits = { maxChunks: 10, maxChunkBytes: 1_000, maxLogBytes: 1_000_000 };
  {
    await using store = await openSqliteJobs({ path, limits });
    await store.declareQueues([{ name: "default" }]);
    await store.submit([{
      id: "job",
      kind: "call",
      name: "add",
      queue: "default",
      pool: "default",
      priority: 0,
      maxAttempts: 3,
      tags: [],
      metadata: {},
      options: {},
      retention: { completedMs: 60_000, cancelledMs: 60_000, discardedMs: 60_000 },
      args: new Uint8Array(),
    }]);
  }
  const program = join(ROOT, "tests/fixtures/processes/job_claimer.ts");
  await using holder = new HostProcess(["run", "-A", "--no-check", program, path, "300"]);
  await until(() => holder.stdout.includes("claimed job") || holder.ended, "the claim");
  assert.ok(!holder.ended, holder.stderr);
  holder.kill("SIGSTOP");
  await using store = await openSqliteJobs({ path, limits });
  await until(async () => (await store.sweep()).lost === 1, "the lease to end");
  const [claim] = await store.claim({
    pools: [{ pool: "default", slots: 1 }],
    holder: "awake",
    leaseMs: 60_000,
    waitMs: 1_000,
  });
  assert.deepEqual([claim?.job.id, claim?.job.attempt, claim?.job.run], ["job", 2, 2]);
  await Deno.writeTextFile(`${path}.go`, "");
  holder.kill("SIGCONT");
  const { code, stdout, stderr } = await holder.finished();
  assert.equal(code, 0, stderr);
  const [, answers = ""] = stdout.trim().split("\n");
  assert.deepEqual(JSON.parse(answers), [["lost"], [{ answer: "lost" }]]);
  const result = new TextEncoder().encode("awake");
  const [end] = await store.finish([{
    token: claim?.token ?? "",
    outcome: { type: "completed", result },
  }]);
  assert.deepEqual(end, { answer: "done", state: "completed" });
  assert.deepEqual(await store.result("job"), result);
  const { attempts = [] } = await store.get("job") ?? {};
  assert.deepEqual(attempts.map(({ holder, outcome }) => [holder, outcome]), [
    ["stopped", "lost"],
    ["awake", "completed"],
  ]);
});
