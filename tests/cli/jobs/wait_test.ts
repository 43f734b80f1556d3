import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { fakeHost } from "../../client/fake_host.ts";
import { until } from "../../fixtures/until.ts";
import { CliHost, NOW, RunningCli } from "../cli_fixture.ts";

const TERMINAL = { terminal: ["stderr"], columns: 80 } as const;

Deno.test("job wait writes results in the order of the ids, and its status tells of the jobs", async () => {
  await using host = CliHost.open();
  for (const id of ["a", "b", "c"]) await host.submit({ tool: "add", id, maxAttempts: 1 });
  await host.complete(1);
  await host.fail({ code: "stalled", message: "Too quiet" });
  const running = host.start(["wait", "a", "b", "c", "none"]);
  await running.shows(/The job b/);
  await host.complete("three");
  const { status, stdout, stderr } = await running.ended;
  assert.deepEqual([status, stdout], [1, '1\n"three"\n']);
  assert.match(
    stderr,
    /^The job b is discarded: Too quiet\n {2}code: stalled\nerror: There is no job/,
  );
  const json = (await host.run(["wait", "a", "c", "--json"])).stdout.trimEnd().split("\n");
  assert.deepEqual(json.map((it) => JSON.parse(it).result), [1, "three"]);
  assert.equal(JSON.parse((await host.run(["wait", "a", "--json"])).stdout).result, 1);
  assert.deepEqual(await host.run(["wait", "a", "-q"]), { status: 0, stdout: "", stderr: "" });
});

Deno.test("job wait draws the progress on a terminal, and leaves nothing of it", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  let now = 0;
  const running = host.start(["wait", "a"], { ...TERMINAL, now: () => now += 1_000 });
  await running.shows(/\ravailable: it is next in line for a worker of the pool default/);
  const claim = await host.jobs.claim();
  host.jobs.feed.emit("a", { type: "state", state: "running" });
  // deno-lint-ignore no-control-regex
  await running.shows(/\rrunning\x1b\[K/);
  host.jobs.feed.emit("a", { type: "progress", progress: { fraction: 0.5, message: "\x1b[2J" } });
  // deno-lint-ignore no-control-regex
  await running.shows(/\rrunning {2}█+░+ {2}50% {2}\\x1b\[2J\x1b\[K/);
  await host.complete(5, claim);
  const { status, stdout, stderr } = await running.ended;
  assert.deepEqual([status, stdout], [0, "5\n"]);
  assert.ok(stderr.endsWith("\r\x1b[K"));
  assert.ok(!stderr.includes("\n"));
});

Deno.test("job wait draws no progress on a dumb terminal, or in a pipe", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  await host.complete(5);
  const dumb = await host.run(["wait", "a"], { ...TERMINAL, env: { TERM: "dumb" } });
  assert.deepEqual(dumb, { status: 0, stdout: "5\n", stderr: "" });
  assert.equal((await host.run(["wait", "a"])).stderr, "");
});

Deno.test("job wait --timeout ends with status 124, and the job goes on", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  for (const options of [{}, TERMINAL]) {
    const { status, stdout, stderr } = await host.run(["wait", "a", "--timeout", "20ms"], options);
    assert.deepEqual([status, stdout], [124, ""]);
    assert.match(stderr, /The job a has not ended within \d+ ms, and goes on\.\n$/);
  }
  assert.equal((await host.jobs.send("GET", "/v1/jobs/a")).body.state, "available");
});

Deno.test("Ctrl-C leaves the job running, says so, and ends with status 130", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  const starts = [["wait", "a"], ["submit", "add", "--id", "a", "--wait"]];
  for (const args of starts) {
    for (const options of [{}, TERMINAL]) {
      const running = host.start(args, options);
      await until(() => host.jobs.feed.hasListeners("a"), "the wait");
      running.interrupt();
      // `deno task` forwards the Ctrl-C that the terminal has sent to both.
      running.interrupt();
      const { status, stdout, stderr } = await running.ended;
      assert.deepEqual([status, stdout], [130, ""]);
      assert.match(
        stderr,
        /The job a goes on\. `deno task job wait a` waits .*, `deno task job cancel a` cancels it\.\n$/,
      );
      await until(() => !host.jobs.feed.hasListeners("a"), "the end of the wait");
    }
  }
  assert.equal((await host.jobs.send("GET", "/v1/jobs/a")).body.state, "available");
});

Deno.test("job wait goes on after the server was away", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  for (const options of [{}, TERMINAL]) {
    const running = host.start(["wait", "a"], options);
    await until(() => host.jobs.feed.hasListeners("a"), "the wait");
    await host.away(async () => {
      await until(() => !host.jobs.feed.hasListeners("a"), "the end of the wait");
    });
    await until(() => host.jobs.feed.hasListeners("a"), "another wait");
    if (options === TERMINAL) await host.complete(5);
    else running.interrupt();
    const { status, stdout } = await running.ended;
    assert.deepEqual([status, stdout], options === TERMINAL ? [0, "5\n"] : [130, ""]);
    await until(() => !host.jobs.feed.hasListeners("a"), "the end of the wait");
  }
});

Deno.test("job wait ends with status 1 after a cancellation, and an error of the server", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  await host.jobs.send("POST", "/v1/jobs/a/cancel", { reason: "no longer\nneeded" });
  const { status, stderr } = await host.run(["wait", "a"]);
  assert.deepEqual([status, stderr], [1, "The job a is cancelled: no longer needed\n"]);
  await using broken = CliHost.open({
    wrap: (store) => ({
      ...store,
      get: () => Promise.reject(new SnakedenError("store_failed", "No disk")),
    }),
  });
  const failed = await broken.run(["wait", "a"]);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /^error: .*\n {2}code: store_failed\n/);
});

Deno.test("job wait writes the results of a batch, one item a line", async () => {
  const job = {
    id: "b",
    kind: "batch",
    queue: "default",
    state: "completed",
    done: true,
    priority: 0,
    tool: "add",
    pool: "default",
    tags: [],
    metadata: {},
    attempt: 1,
    maxAttempts: 3,
    createdAt: new Date(NOW).toISOString(),
  };
  const items = [
    { index: 1, error: { code: "python_exception", message: "no \\u001b" } },
    ...Array.from({ length: 300 }, (_, i) => ({ index: i + 2, result: [i] })),
  ];
  const lines = items.map((it) => JSON.stringify(it));
  await using server = fakeHost((request) => {
    if (!new URL(request.url).pathname.endsWith("/result")) return Response.json(job);
    const headers = { "content-type": "application/x-ndjson" };
    return new Response(lines.map((it) => `${it}\n`).join(""), { headers });
  });
  const run = await new RunningCli(["job", "wait", "b", "--url", server.url], {}).ended;
  assert.deepEqual([run.status, run.stderr], [0, ""]);
  assert.deepEqual(run.stdout.trimEnd().split("\n"), lines);
});
