import assert from "node:assert/strict";
import type { Claim } from "../../../src/store/mod.ts";
import { until } from "../../fixtures/until.ts";
import { frameOf } from "../../routes/jobs/job_client.ts";
import { CliHost, log, NOW } from "../cli_fixture.ts";

const TIME = new Date(NOW).toISOString();
const TERMINAL = { terminal: ["stderr", "stdout"], columns: 80, env: { NO_COLOR: "1" } } as const;

async function started(host: CliHost, id = "a"): Promise<Claim> {
  await host.submit({ tool: "add", id, maxAttempts: 1 });
  return await host.jobs.claim();
}

Deno.test("job wait --logs writes the log beside the result, in a pipe", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  await log(host, claim, { text: "before" });
  const running = host.start(["wait", "a", "--logs"]);
  await running.shows(/before\n/);
  await log(host, claim, { source: "log", level: "error", logger: "app", text: "bad \x1b[2J" });
  await running.shows(/2J\n/);
  await host.complete(5, claim);
  assert.deepEqual(await running.ended, {
    status: 0,
    stdout: "5\n",
    stderr: `${TIME} stdout: before\n${TIME} log error app: bad \\x1b[2J\n`,
  });
  const json = await host.run(["wait", "a", "--logs", "--json"]);
  assert.equal(JSON.parse(json.stdout).result, 5);
  assert.match(json.stderr, /stdout: before\n/);
});

Deno.test("job wait --logs keeps the line of progress below the log on a terminal", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  const running = host.start(["wait", "a", "--logs"], TERMINAL);
  // deno-lint-ignore no-control-regex
  await running.shows(/\rrunning\x1b\[K/);
  host.jobs.feed.emit("a", { type: "progress", progress: 0.5 });
  await running.shows(/50%/);
  await log(host, claim, { text: "one" }, { text: "two" });
  const lines = `${TIME} stdout: one\n${TIME} stdout: two\n`;
  await running.shows(/two\n/);
  assert.match(running.stderr, new RegExp(`\\r\\x1b\\[K${lines}running  █+░+  50%$`));
  await host.complete(5, claim);
  const { status, stdout, stderr } = await running.ended;
  assert.deepEqual([status, stdout], [0, "5\n"]);
  assert.ok(stderr.endsWith("\r\x1b[K"));
});

Deno.test("job submit --follow writes the log, and as events with --json", async () => {
  await using host = CliHost.open();
  const run = async (flags: string[]): Promise<{ stdout: string; stderr: string }> => {
    const running = host.start(["submit", "count", "--follow", ...flags]);
    await running.shows(/Submitted|"state"/);
    const claim = await host.jobs.claim();
    await host.jobs.store.extend([{
      token: claim.token,
      leaseMs: 60_000,
      chunks: [frameOf("chunk")],
    }]);
    await log(host, claim, { text: "printed" });
    await running.shows(/chunk[^]*printed|printed[^]*chunk/);
    await host.complete(["a"], claim);
    const { status, stdout, stderr } = await running.ended;
    assert.equal(status, 0);
    return { stdout, stderr };
  };
  const plain = await run([]);
  assert.equal(plain.stdout, '"chunk"\n');
  assert.match(plain.stderr, /stdout: printed\n/);
  const json = await run(["--json"]);
  const events = json.stdout.trim().split("\n").map((it) => JSON.parse(it));
  const line = events.find(({ type }) => type === "log");
  assert.deepEqual([line.text, line.source, line.n], ["printed", "stdout", 1]);
  assert.equal(events.at(-1).type, "end");
});

Deno.test("Ctrl-C, and a time that is over, end job wait --logs after the lines that have come", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  await log(host, claim, { text: "one" });
  const running = host.start(["wait", "a", "--logs"]);
  await running.shows(/one\n/);
  running.interrupt();
  const { status, stderr } = await running.ended;
  assert.equal(status, 130);
  assert.match(stderr, /one\nThe job a goes on\./);
  const late = await host.run(["wait", "a", "--logs", "--timeout", "50ms"]);
  assert.deepEqual([late.status, late.stdout], [124, ""]);
  await until(() => !host.jobs.feed.hasListeners("a"), "the end of the waits");
});

Deno.test("job wait --logs and --output say what they do not go with", async () => {
  await using host = CliHost.open();
  for (
    const [args, pattern] of [
      [["wait", "a", "--logs", "-q"], /--quiet: given beside --logs/],
      [["wait", "a", "--output", "o", "--json"], /--output: given beside --json/],
      [["submit", "add", "--output", "o"], /--output needs --wait or --follow/],
      [["wait", "a", "-o", "no/file"], /--output: cannot create no\/file: No such folder\n/],
    ] as const
  ) {
    const { status, stdout, stderr } = await host.run(args);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, pattern);
  }
  assert.deepEqual((await host.jobs.store.list({}, { limit: 1 })).items, []);
});

Deno.test("--output writes results to a file, which is kept only after success", async () => {
  await using host = CliHost.open();
  for (const id of ["a", "b"]) await host.complete(id, await started(host, id));
  const both = host.start(["wait", "a", "b", "-q", "-o", "both.ndjson"]);
  assert.deepEqual(await both.ended, { status: 0, stdout: "", stderr: "" });
  assert.deepEqual([...both.created], [["both.ndjson", '"a"\n"b"\n']]);
  const none = host.start(["wait", "a", "none", "-o", "both.ndjson"]);
  assert.equal((await none.ended).status, 3);
  assert.deepEqual([...none.created], []);
});
