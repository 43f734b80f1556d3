import assert from "node:assert/strict";
import type { Claim, StoredLine } from "../../../src/store/mod.ts";
import { CliHost, log, NOW } from "../cli_fixture.ts";

const TIME = new Date(NOW).toISOString();

async function started(host: CliHost, id = "a"): Promise<Claim> {
  await host.submit({ tool: "add", id, maxAttempts: 1 });
  return await host.jobs.claim();
}

const MIXED: readonly Partial<StoredLine>[] = [
  { source: "host", level: "info", text: "attempt 1" },
  { text: "one" },
  { source: "log", level: "warning", logger: "app", text: "careful\nwith lines" },
  { source: "stderr", text: "two" },
  { source: "log", level: "error", text: "bad" },
];

Deno.test("job logs writes the lines that are there, as the route does", async () => {
  await using host = CliHost.open();
  await log(host, await started(host), ...MIXED);
  const { status, stdout, stderr } = await host.run(["logs", "a"]);
  const served = await host.jobs.request("/v1/jobs/a/logs?follow=false&format=text");
  assert.deepEqual([status, stdout, stderr], [0, await served.text(), ""]);
  assert.equal(stdout.split("\n")[1], `${TIME} stdout: one`);
});

Deno.test("job logs --json writes each line as the route does", async () => {
  await using host = CliHost.open();
  await log(host, await started(host), ...MIXED, { text: "\x1b[2J\u202e" });
  const { status, stdout } = await host.run(["logs", "a", "--json"]);
  const served = await host.jobs.request("/v1/jobs/a/logs?follow=false&format=ndjson");
  const parsed = (text: string): unknown[] =>
    text.trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual([status, parsed(stdout)], [0, parsed(await served.text())]);
  assert.match(stdout, /"text":"\\u001b\[2J\\u202e"/);
});

Deno.test("job logs --tail and --source choose lines", async () => {
  await using host = CliHost.open();
  await log(host, await started(host), ...MIXED);
  const textsOf = async (...args: string[]): Promise<string[]> => {
    const { status, stdout } = await host.run(["logs", "a", "--json", ...args]);
    assert.equal(status, 0);
    return stdout.split("\n").filter((it) => it !== "").map((it) => JSON.parse(it).text);
  };
  assert.deepEqual(await textsOf("--tail", "2"), ["two", "bad"]);
  assert.deepEqual(await textsOf("-n", "0"), []);
  assert.deepEqual(await textsOf("--source", "stdout,stderr"), ["one", "two"]);
  assert.deepEqual(await textsOf("--source", "stdout", "--source", "host"), ["attempt 1", "one"]);
  // The last ones of the source, and not what is of the source among the last ones.
  assert.deepEqual(await textsOf("--source", "stdout", "--tail", "1"), ["one"]);
  assert.deepEqual(await textsOf("--source", "stdout", "--tail", "0"), []);
  assert.deepEqual(await textsOf("--source", "log", "--tail", "9"), ["careful\nwith lines", "bad"]);
});

for (const source of [[], ["--source", "stdout", "--tail", "1"], ["--tail", "1"]]) {
  Deno.test(`job logs --follow ${source.join(" ")} ends with the job, whatever its end`, async () => {
    await using host = CliHost.open();
    const claim = await started(host);
    await log(host, claim, { text: "one" });
    const running = host.start(["logs", "a", "-f", ...source]);
    await running.shows(/stdout: one\n/);
    await log(host, claim, { text: "two" });
    await running.shows(/stdout: two\n/);
    await log(host, claim, { text: "three" });
    await host.jobs.fail(claim, { code: "internal", message: "No" });
    assert.deepEqual(await running.ended, {
      status: 0,
      stdout: ["one", "two", "three"].map((it) => `${TIME} stdout: ${it}\n`).join(""),
      stderr: "",
    });
  });
}

Deno.test("job logs --follow goes on after the server was away, with each line once", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  await log(host, claim, { text: "one" });
  const running = host.start(["logs", "a", "--follow"]);
  await running.shows(/one/);
  await host.away(() => log(host, claim, { text: "two" }));
  await running.shows(/two/);
  await host.jobs.complete(claim, 1);
  const { status, stdout } = await running.ended;
  assert.deepEqual([status, stdout.match(/one|two/g)], [0, ["one", "two"]]);
});

Deno.test("Ctrl-C ends job logs --follow with status 130, and writes what has come", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  await log(host, claim, { text: "one" });
  const running = host.start(["logs", "a", "-f"]);
  await running.shows(/one/);
  running.interrupt();
  assert.deepEqual(await running.ended, {
    status: 130,
    stdout: `${TIME} stdout: one\n`,
    stderr: "",
  });
  assert.equal((await host.jobs.store.get("a"))?.state, "running");
});

Deno.test("job logs ends without a word if nobody reads it, also while it follows", async () => {
  await using host = CliHost.open();
  await log(host, await started(host), { text: "one" });
  const brokenBy = new Deno.errors.BrokenPipe();
  for (const args of [["logs", "a"], ["logs", "a", "-f"], ["logs", "a", "-f", "--json"]]) {
    assert.deepEqual(await host.run(args, { brokenBy }), { status: 0, stdout: "", stderr: "" });
  }
});

Deno.test("job logs lets no control character of a line through, and colors little", async () => {
  await using host = CliHost.open();
  await log(
    host,
    await started(host),
    { text: "\x1b]0;title\x07\r\x1b[2J\u202e\ta" },
    { source: "log", level: "warning", logger: "a\x1b[31m\nb", text: "x\x9by" },
  );
  const lines = [
    `stdout: \\x1b]0;title\\x07\\x0d\\x1b[2J\\u202e\ta`,
    `log warning a\\x1b[31m b: x\\x9by`,
  ];
  assert.equal(
    (await host.run(["logs", "a"])).stdout,
    lines.map((it) => `${TIME} ${it}\n`).join(""),
  );
  const { stdout } = await host.run(["logs", "a"], { terminal: ["stdout"], columns: 20 });
  const [first, second] = stdout.split("\n");
  const time = `\x1b[2m${TIME}\x1b[0m`;
  assert.equal(first, `${time} ${lines[0]}`);
  assert.equal(second, `${time} \x1b[33mlog warning a\\x1b[31m b:\x1b[0m x\\x9by`);
});

Deno.test("job logs says what is wrong, and that there are no lines", async () => {
  await using host = CliHost.open();
  await started(host);
  const empty = await host.run(["logs", "a"]);
  assert.deepEqual(empty, {
    status: 0,
    stdout: "",
    stderr: "The log of the job a has no lines to show.\n",
  });
  assert.deepEqual(await host.run(["logs", "a", "--json"]), { status: 0, stdout: "", stderr: "" });
  const unknown = await host.run(["logs", "none", "-f"]);
  assert.equal(unknown.status, 3);
  assert.match(unknown.stderr, /^error: There is no job "none".*\n {2}code: unknown_job\n/);
  const wrong = [
    [["--source", "x"], /^error: --source: given x; allowed: stdout, stderr, log, host\n/],
    [["--quiet"], /^error: --quiet: a log has no ids; allowed: --json\n/],
    [["--tail", "-1"], /--tail.*Allowed: a whole number from 0/],
  ] as const;
  for (const [args, pattern] of wrong) {
    const { status, stderr } = await host.run(["logs", "a", ...args]);
    assert.equal(status, 2);
    assert.match(stderr, pattern);
  }
});

Deno.test("job logs writes a long log in few pieces, in order and whole", async () => {
  await using host = CliHost.open();
  const claim = await started(host);
  const count = 5_000;
  await log(host, claim, ...Array.from({ length: count }, (_, i) => ({ text: `line ${i}` })));
  const running = host.start(["logs", "a"]);
  const { stdout } = await running.ended;
  const texts = Array.from({ length: count }, (_, i) => `${TIME} stdout: line ${i}\n`);
  assert.equal(stdout, texts.join(""));
  assert.ok(running.writes < count / 10, `${running.writes} writes`);
});
