import assert from "node:assert/strict";
import { textWidth } from "../../../src/cli/terminal/mod.ts";
import { CliHost, NOW } from "../cli_fixture.ts";

/** Two jobs: one that has failed, and one that waits. */
async function twoJobs(): Promise<{ readonly host: CliHost; readonly now: () => number }> {
  const host = CliHost.open();
  await host.submit({ tool: "add", id: "first", maxAttempts: 1, tags: ["世界", "b"] });
  const error = { code: "python_exception", message: "ValueError: \x1b]0;title\x07 no\nmore" };
  await host.fail(error);
  await host.submit({ tool: "train", id: "second", delayMs: 86_400_000 * 400 });
  const { createdAt } = (await host.jobs.send("GET", "/v1/jobs/first")).body;
  return { host, now: () => Date.parse(createdAt) + 125_000 };
}

const TABLE = /^ID {6}STATE {6}TOOL {3}QUEUE {4}TRIES {2}AGE {2} *TOOK {2}DETAIL\n/;

Deno.test("job list writes the same columns to a pipe, without colors and cuts", async () => {
  const { host: opened, now } = await twoJobs();
  await using host = opened;
  const { status, stdout, stderr } = await host.run(["list"], { now });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, TABLE);
  const [, second = "", first = ""] = stdout.split("\n");
  assert.match(
    second,
    /^second {2}scheduled {2}train {2}default {4}0\/3 {2}2 m {2} *starts in 400 d$/,
  );
  assert.match(
    first,
    /^first {3}discarded {2}add {4}default {4}1\/1 {2}2 m {2} *\d+ ms {2}python_/,
  );
  assert.ok(first.endsWith("python_exception: ValueError: \\x1b]0;title\\x07 no more; #世界 #b"));
});

Deno.test("job list fits its lines to a terminal, and cuts no id", async () => {
  const { host: opened, now } = await twoJobs();
  await using host = opened;
  for (const columns of [100, 40, 20, 6, 1]) {
    const terminal = ["stdout", "stderr"] as const;
    const { stdout } = await host.run(["list", "--color=never"], { now, columns, terminal });
    const lines = stdout.trimEnd().split("\n");
    assert.deepEqual(lines.map((it) => it.split(" ")[0]), ["ID", "second", "first"]);
    for (const line of lines) assert.ok(textWidth(line) <= Math.max(columns, 6), line);
  }
  const { stdout: usual } = await host.run(["list", "--color=never"], {
    now,
    columns: 64,
    terminal: ["stdout"],
  });
  // What has no room is left out as a whole, the queue first.
  assert.match(usual, /^ID {6}STATE {6}TOOL {3}TRIES {2}AGE {2} *TOOK {2}DETAIL\n/);
  const unknown = await host.run(["list", "--color=never"], { now, terminal: ["stdout"] });
  assert.equal(unknown.stdout, (await host.run(["list"], { now })).stdout);
});

Deno.test("job list uses colors on a terminal, unless NO_COLOR or --color say otherwise", async () => {
  const { host: opened, now } = await twoJobs();
  await using host = opened;
  const isColored = async (
    args: string[],
    { env = {}, isTerminal = true } = {},
  ): Promise<boolean> => {
    const terminal = isTerminal ? ["stdout"] as const : [];
    const { stdout } = await host.run(["list", ...args], { now, env, terminal });
    // The codes of data are never among them.
    assert.ok(!stdout.includes("\x1b]"));
    return stdout.includes("\x1b[31mdiscarded\x1b[0m");
  };
  assert.equal(await isColored([]), true);
  assert.equal(await isColored([], { isTerminal: false }), false);
  assert.equal(await isColored([], { env: { NO_COLOR: "1" } }), false);
  assert.equal(await isColored([], { env: { NO_COLOR: "" } }), true);
  assert.equal(await isColored([], { env: { TERM: "dumb" } }), false);
  assert.equal(await isColored(["--color=always"], { isTerminal: false }), true);
  assert.equal(await isColored(["--color", "never"]), false);
  assert.equal((await host.run(["list", "--color=maybe"])).status, 2);
});

Deno.test("job list --json writes one document, and --quiet ids", async () => {
  const { host: opened } = await twoJobs();
  await using host = opened;
  const { stdout } = await host.run(["list", "--json"]);
  assert.deepEqual(JSON.parse(stdout), (await host.jobs.send("GET", "/v1/jobs?limit=50")).body);
  const one = JSON.parse((await host.run(["list", "--json", "-n", "1"])).stdout);
  assert.deepEqual([one.jobs.length, typeof one.cursor], [1, "string"]);
  assert.equal((await host.run(["list", "-q"])).stdout, "second\nfirst\n");
  const none = await host.run(["list", "--json", "--tag", "none"]);
  assert.deepEqual(JSON.parse(none.stdout), { jobs: [] });
});

Deno.test("job list says that there are more jobs, or none, on standard error", async () => {
  const { host: opened } = await twoJobs();
  await using host = opened;
  const some = await host.run(["list", "--limit", "1"]);
  assert.equal(some.stdout.trimEnd().split("\n").length, 2);
  assert.equal(some.stderr, "Only the last 1 are shown; --limit and --all show more.\n");
  const none = await host.run(["list", "--tag", "none"]);
  assert.deepEqual(none, { status: 0, stdout: "", stderr: "No jobs match.\n" });
});

Deno.test("job list --all has all pages", async () => {
  await using host = CliHost.open();
  const jobs = Array.from({ length: 1_200 }, (_, i) => ({ tool: "add", id: `j${i}` }));
  await host.jobs.send("POST", "/v1/jobs/batch", jobs.slice(0, 600));
  await host.jobs.send("POST", "/v1/jobs/batch", jobs.slice(600));
  const { stdout, stderr } = await host.run(["list", "--all", "-q"]);
  assert.deepEqual(stdout.trimEnd().split("\n"), jobs.map(({ id }) => id).reverse());
  assert.equal(stderr, "");
  assert.equal(JSON.parse((await host.run(["list", "--all", "--json"])).stdout).jobs.length, 1_200);
});

Deno.test("job list takes the filters of the server, and times by their age", async () => {
  const { host: opened, now } = await twoJobs();
  await using host = opened;
  const idsOf = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(["list", "-q", ...args], { now });
    assert.equal(status, 0, stderr);
    return stdout.trim().replaceAll("\n", " ");
  };
  assert.equal(await idsOf("--state", "discarded,running"), "first");
  assert.equal(await idsOf("--state=discarded", "--state=scheduled"), "second first");
  assert.equal(await idsOf("--tool", "train"), "second");
  assert.equal(await idsOf("--tag", "b", "--tag", "世界"), "first");
  assert.equal(await idsOf("--queue", "default", "--kind", "call"), "second first");
  assert.equal(await idsOf("--search", "trai"), "second");
  assert.equal(await idsOf("--search", "VALUEerr"), "first");
  assert.equal(await idsOf("--search", "世 fir"), "first");
  assert.equal(await idsOf("--search", "rain first"), "");
  assert.equal(await idsOf("--search", "add", "--state", "completed"), "");
  assert.equal(await idsOf("--since", "1h"), "second first");
  assert.equal(await idsOf("--since", "1m ago"), "");
  assert.equal(await idsOf("--before", new Date(NOW + 1e9).toISOString()), "second first");
  const wrong = await host.run(["list", "--since", "yesterday"]);
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^error: --since: given "yesterday"; allowed: a duration such as 2h/);
  const search = await host.run(["list", "--search", "x".repeat(201)]);
  assert.equal(search.status, 2);
  assert.match(search.stderr, /q: given "x+\.\.\."; allowed: a text of 1 to 200 characters/);
  const state = await host.run(["list", "--state", "done"]);
  assert.equal(state.status, 2);
  assert.match(state.stderr, /state: given "done"; allowed: available, scheduled, /);
});

Deno.test("job list --watch appends what has changed, until Ctrl-C", async () => {
  const { host: opened } = await twoJobs();
  await using host = opened;
  const running = host.start(["list", "--watch", "1ms", "--json"]);
  await running.shows(/"first"/);
  await host.submit({ tool: "add", id: "third" });
  await running.shows(/"third"/);
  running.interrupt();
  const { status, stdout } = await running.ended;
  assert.equal(status, 130);
  const ids = stdout.trimEnd().split("\n").map((it) => JSON.parse(it).id);
  assert.deepEqual(ids, ["second", "first", "third"]);
});

Deno.test("job list --watch redraws a terminal, within its rows", async () => {
  const { host: opened, now } = await twoJobs();
  await using host = opened;
  const options = { now, terminal: ["stdout"] as const, columns: 40, rows: 3 };
  const running = host.start(["list", "--watch", "1ms", "--color=never"], options);
  await running.shows(/second[^]*second/);
  running.interrupt();
  const { status, stdout } = await running.ended;
  assert.equal(status, 130);
  assert.ok(stdout.startsWith("\x1b[H\x1b[J\x1b[HID "));
  const [, , screen = ""] = stdout.split("\x1b[H");
  assert.equal(screen.split("\n").length, 3);
  assert.ok(screen.endsWith("\x1b[K\n\x1b[J"));
});
