import assert from "node:assert/strict";
import { deadUrl, fakeHost, problem } from "../client/fake_host.ts";
import { rawHost } from "../client/jobs/recorded.ts";
import { until } from "../fixtures/until.ts";
import { CliHost, RunningCli } from "./cli_fixture.ts";

Deno.test("the program names what was meant by a wrong command or option", async () => {
  await using host = CliHost.open();
  const textOf = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(args);
    assert.deepEqual([status, stdout], [2, ""]);
    return stderr;
  };
  assert.match(
    await textOf("cancle"),
    /^error: unknown command 'cancle'\n\(Did you mean cancel\?\)/,
  );
  assert.match(
    await textOf("list", "--quue", "x"),
    /unknown option '--quue'\n\(Did you mean --queue\?\)/,
  );
  assert.match(
    await textOf("submit"),
    /^error: .* what it runs is missing; allowed: a TOOL, --script/,
  );
  assert.match(await textOf("list", "extra"), /^error: too many arguments/);
  assert.match(await textOf(), /^Usage: deno task job/);
});

Deno.test("--help is data, and lists every option", async () => {
  await using host = CliHost.open();
  const { status, stdout, stderr } = await host.run(["submit", "--help"]);
  assert.deepEqual([status, stderr], [0, ""]);
  for (const name of ["--wait", "--id <id>", "--unique-mode", "--url <url>", "--json"]) {
    assert.ok(stdout.includes(name), name);
  }
  for (const columns of [0, 1, 20, 500]) {
    assert.equal((await host.run(["--help"], { columns })).status, 0);
  }
});

Deno.test("the status of an error tells its kind, and the text its request", async () => {
  const cases: readonly (readonly [status: number, code: string, exit: number, hint?: RegExp])[] = [
    [400, "invalid_input", 2],
    [401, "unauthenticated", 4, /hint: set SNAKEDEN_API_KEY/],
    [403, "forbidden", 4],
    [404, "unknown_job", 3, /hint: list the jobs/],
    [409, "job_running", 1],
    [429, "pool_saturated", 6, /hint: try again/],
    [500, "internal", 1],
    [503, "server_busy", 6, /hint: try again/],
    [503, "store_unavailable", 6],
  ];
  for (const [status, code, exit, hint = /code/] of cases) {
    await using server = fakeHost(() => problem(status, code, { requestId: "r-\x1b1" }));
    const env = { SNAKEDEN_URL: server.url };
    const run = await new RunningCli(["job", "list"], { env }).ended;
    assert.deepEqual([run.status, run.stdout], [exit, ""], code);
    assert.match(run.stderr, hint);
    assert.ok(run.stderr.includes(`\n  code: ${code}\n`));
    assert.ok(run.stderr.endsWith("\n  request: r-\\x1b1\n"), run.stderr);
  }
});

Deno.test("a server that cannot be reached, or that is none, is status 5", async () => {
  const dead = await new RunningCli(["job", "list", "--url", deadUrl()], {}).ended;
  assert.deepEqual([dead.status, dead.stdout], [5, ""]);
  assert.match(dead.stderr, /^error: [^]*code: host_unreachable\n {2}hint: start a server with/);
  await using lossy = rawHost(() => undefined);
  const lost = await new RunningCli(["job", "list", "--url", lossy.url], {}).ended;
  assert.equal(lost.status, 5);
  assert.match(lost.stderr, /code: connection_lost/);
  await using other = fakeHost(() => new Response("<html>"));
  const strange = await new RunningCli(["job", "list", "--url", other.url], {}).ended;
  assert.equal(strange.status, 5);
  assert.match(strange.stderr, /code: unexpected_answer/);
});

Deno.test("the server and the key come from the environment, and are named if they are wrong", async () => {
  await using server = fakeHost(() => Response.json({ jobs: [] }));
  const env = { SNAKEDEN_URL: server.url, SNAKEDEN_API_KEY: "secret" };
  assert.equal((await new RunningCli(["job", "list"], { env }).ended).status, 0);
  assert.equal(server.requests[0]?.headers.get("authorization"), "Bearer secret");
  const url = await new RunningCli(["job", "list"], { env: { SNAKEDEN_URL: "x:y" } }).ended;
  assert.equal(url.status, 2);
  assert.match(url.stderr, /^error: SNAKEDEN_URL: given "x:y"; allowed: a URL with http/);
  const flag = await new RunningCli(["job", "list", "--url", "here"], {}).ended;
  assert.match(flag.stderr, /^error: --url: given "here"/);
  const key = { ...env, SNAKEDEN_API_KEY: "sécr\nét" };
  const wrong = await new RunningCli(["job", "list"], { env: key }).ended;
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^error: SNAKEDEN_API_KEY: given a text that no header can hold\n$/);
});

Deno.test("output that nobody reads ends the program without a word", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add" });
  const brokenBy = new Deno.errors.BrokenPipe("Broken pipe");
  for (const args of [["list"], ["list", "--json"], ["list", "-q"], ["--help"]]) {
    const { status, stderr } = await host.run(args, { brokenBy });
    assert.deepEqual([status, stderr], [0, ""], args.join(" "));
  }
});

Deno.test("a second Ctrl-C ends the program at once", async () => {
  const { promise: never } = Promise.withResolvers<Response>();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  await using server = fakeHost((request) => {
    resolve();
    const gone = new Promise<Response>((go) => request.signal.onabort = () => go(new Response()));
    return Promise.race([never, gone]);
  });
  const running = new RunningCli(["job", "list", "--url", server.url], {});
  await asked;
  let hasEnded = false;
  const ended = running.ended.finally(() => hasEnded = true);
  await until(() => {
    running.interrupt();
    return hasEnded;
  }, "the end after another Ctrl-C");
  assert.deepEqual(await ended, { status: 130, stdout: "", stderr: "" });
});
