import assert from "node:assert/strict";
import { CliHost } from "../cli_fixture.ts";

async function withJobs(): Promise<CliHost> {
  const host = CliHost.open();
  for (const id of ["a", "b", "c"]) await host.submit({ tool: "add", id, tags: ["t"] });
  return host;
}

Deno.test("job cancel and job retry change jobs by id, and show them", async () => {
  await using host = await withJobs();
  const cancelled = await host.run(["cancel", "a", "none", "b", "--reason", "no need"]);
  assert.equal(cancelled.status, 3);
  assert.match(cancelled.stderr, /^error: There is no job "none"/);
  assert.match(cancelled.stdout, /^a {3}cancelled .*no need; #t\nb {3}cancelled /m);
  assert.equal((await host.run(["retry", "a", "-q"])).stdout, "a\n");
  const { state } = JSON.parse((await host.run(["show", "a", "--json"])).stdout);
  assert.equal(state, "available");
  await host.jobs.claim();
  const running = await host.run(["retry", "a"]);
  assert.equal(running.status, 1);
  assert.match(running.stderr, /it is running\n {2}code: job_running\n {2}hint: wait for its end/);
});

Deno.test("job cancel of a choice asks with the number of jobs, and does nothing without a yes", async () => {
  await using host = await withJobs();
  await host.jobs.send("POST", "/v1/jobs/c/cancel");
  for (const answer of ["n\n", "\n", "", "yesno\n"]) {
    const options = { stdin: answer, terminal: ["stdin"] as const };
    const { status, stdout, stderr } = await host.run(["cancel", "--tag", "t"], options);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.equal(stderr, "Cancel 2 jobs? [y/N] Nothing was changed.\n");
  }
  const options = { stdin: "y\n", terminal: ["stdin"] as const };
  const done = await host.run(["cancel", "--tag", "t"], options);
  assert.deepEqual([done.status, done.stdout], [0, "2 jobs were cancelled.\n"]);
  const none = await host.run(["cancel", "--tag", "t"], options);
  const nothing = { status: 0, stdout: "", stderr: "No jobs match.\n" };
  assert.deepEqual(none, nothing);
  // Jobs in which nothing would change are not counted.
  assert.deepEqual(
    await host.run(["cancel", "--tag", "t", "--state", "cancelled"], options),
    nothing,
  );
  const state = await host.run(["cancel", "--state", "done"], options);
  assert.match(state.stderr, /state: given "done"; allowed: available/);
});

Deno.test("job retry of a choice counts what it would change, and --yes does not ask", async () => {
  await using host = await withJobs();
  await host.jobs.send("POST", "/v1/jobs/c/cancel");
  const asked = await host.run(["retry", "--tag", "t"], { stdin: "y\n", terminal: ["stdin"] });
  assert.deepEqual(asked, {
    status: 0,
    stdout: "1 job was retried.\n",
    stderr: "Retry 1 job? [y/N] ",
  });
  const yes = await host.run(["cancel", "--state", "available", "--yes", "--json"]);
  assert.deepEqual([yes.status, JSON.parse(yes.stdout), yes.stderr], [0, { count: 3 }, ""]);
  assert.equal((await host.run(["retry", "--tag", "t", "-y", "-q"])).stdout, "3\n");
});

Deno.test("job cancel refuses a choice where nobody can be asked, no jobs, and both", async () => {
  await using host = await withJobs();
  const textOf = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(args);
    assert.deepEqual([status, stdout], [2, ""]);
    return stderr;
  };
  assert.match(
    await textOf("cancel", "--tag", "t"),
    /--yes is needed, since standard input is not a terminal/,
  );
  assert.match(await textOf("cancel"), /none is named; allowed: ids, or filters/);
  assert.match(await textOf("retry", "a", "--tag", "t", "-y"), /given ids and filters/);
  assert.equal((await host.jobs.send("GET", "/v1/jobs?state=available")).body.jobs.length, 3);
});
