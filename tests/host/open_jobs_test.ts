/** Jobs over the lives of hosts, with real Python workers. */
import assert from "node:assert/strict";
import { Snakeden } from "../../mod.ts";
import { isAlive, startDen, tempDir } from "../fixtures/host.ts";
import { until, untilText } from "../fixtures/until.ts";

function start(dataDir: string, jobs: { leaseMs?: number } = {}): Promise<Snakeden> {
  return startDen({ adapter: "job_tools", drainMs: 300 }, { dataDir, jobs });
}

Deno.test("a host that stops lets jobs finish, and returns those that do not, which the next one runs", async () => {
  await using dir = await tempDir();
  const [long, short] = [`${dir.path}/long`, `${dir.path}/short`];
  const ids: string[] = [];
  {
    await using den = await start(dir.path);
    const tool = "work";
    ids.push((await den.jobs.submit({ tool, args: { path: long, seconds: 60 } })).id);
    await untilText(long);
    ids.push((await den.jobs.submit({ tool, args: { path: short, seconds: 0.15 } })).id);
    await untilText(short);
  }
  const pid = Number((await Deno.readTextFile(long)).split(" ")[0]);
  assert.equal(isAlive(pid), false);
  await using den = await start(dir.path);
  const [first = "", second = ""] = ids;
  const done = await den.jobs.get(second);
  assert.deepEqual([done.state, done.attempts?.length], ["completed", 1]);
  await until(async () => (await untilText(long)).trim().split("\n").length === 2, "it runs again");
  await den.jobs.cancel(first);
  const job = await den.jobs.wait(first);
  assert.deepEqual(
    job.attempts?.map(({ attempt, outcome }) => [attempt, outcome]),
    [[1, "returned"], [1, "cancelled"]],
  );
});

Deno.test("a job that runs for 20 leases is started once", async () => {
  await using dir = await tempDir();
  await using den = await start(dir.path, { leaseMs: 1_000 });
  const path = `${dir.path}/starts`;
  const job = await den.jobs.submit({ tool: "work", args: { path, seconds: 20 } });
  const { state, attempts } = await job.done();
  assert.deepEqual([state, attempts?.length], ["completed", 1]);
  assert.equal((await untilText(path)).trim().split("\n").length, 1);
});

Deno.test("a program beside a host uses its tools, and is told who has the jobs", async () => {
  await using dir = await tempDir();
  await using first = await start(dir.path);
  await using second = await start(dir.path);
  assert.equal(await second.execute("long_text", { length: 2 }), "xx");
  const job = { tool: "long_text", args: { length: 1 } };
  for (
    const refused of [
      second.jobs.submit(job),
      second.jobs.get("x"),
      second.jobs.list(),
      second.queues.list(),
    ]
  ) {
    await assert.rejects(refused, {
      code: "store_unavailable",
      details: { pid: Deno.pid, runId: first.runId },
    });
  }
  assert.equal(await (await first.jobs.submit(job)).result(), "x");
});

Deno.test("a host whose database of jobs is damaged starts with an empty one, and reports it", async () => {
  await using dir = await tempDir();
  {
    await using _den = await start(dir.path);
  }
  await Deno.writeFile(`${dir.path}/store/jobs.sqlite`, new Uint8Array(20_000).fill(120));
  await using den = await start(dir.path);
  const { jobs } = await den.store.report();
  assert.match(jobs?.movedAside?.path ?? "", /jobs\.sqlite\.corrupt/);
  assert.equal(
    await (await den.jobs.submit({ tool: "long_text", args: { length: 1 } })).result(),
    "x",
  );
});
