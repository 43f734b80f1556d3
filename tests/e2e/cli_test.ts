/** Tests the command line as a person runs it: by its task, in a terminal and in a pipe. */
import assert from "node:assert/strict";
import { textWidth } from "../../src/cli/terminal/mod.ts";
import { CliHost } from "../cli/cli_fixture.ts";
import { ROOT } from "../fixtures/host.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";

const DENO = Deno.execPath();
/** The codes that `deno task` itself writes to a terminal, before the program. */
// deno-lint-ignore no-control-regex
const DENO_CLEARS = /^(?:\x1b\[(?:0G|2K|J))+/;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function shell(script: string, host: CliHost): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `job() { "${DENO}" task -q job "$@"; }; ${script}`],
    cwd: ROOT,
    env: { NO_COLOR: "1", SNAKEDEN_URL: host.url },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function inTerminal(
  host: CliHost,
  args: readonly string[],
  options: { readonly columns?: number; readonly env?: Record<string, string> } = {},
): Promise<Terminal> {
  const env = { SNAKEDEN_URL: host.url, ...options.env };
  return await Terminal.open([DENO, "task", "-q", "job", ...args], { ...options, env });
}

Deno.test("deno task job submits, waits, and passes the exit status on, with its own permissions", async () => {
  await using host = CliHost.open();
  const script = 'id=$(job submit add a=2 b=3 --id a -q) && echo "id $id" && ' +
    'echo \'{"a":1}\' | job submit add - --id b -q && job wait "$id"; echo "status $?" && ' +
    "job show none; exit $?";
  const ended = shell(script, host);
  for (let i = 0; i < 2; i++) {
    const id = i === 0 ? "a" : "b";
    const isThere = async (): Promise<boolean> => await host.jobs.store.get(id) !== undefined;
    await until(isThere, "a job", { timeoutMs: 60_000 });
    await host.complete(5);
  }
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout], [3, "id a\nb\n5\nstatus 0\n"], stderr);
  assert.match(stderr, /^error: There is no job "none"/);
  assert.doesNotMatch(stderr, /NotCapable/);
});

Deno.test("output into a closed pipe ends the program without a word", async () => {
  await using host = CliHost.open();
  for (let part = 0; part < 3; part++) {
    const jobs = Array.from({ length: 1_000 }, () => ({ tool: "add", tags: ["x".repeat(200)] }));
    await host.jobs.send("POST", "/v1/jobs/batch", jobs);
  }
  for (const format of ["", "--json", "-q"]) {
    const script = `job list --all ${format} | head -n 1 | wc -l; exit \${PIPESTATUS[0]}`;
    assert.deepEqual(await shell(script, host), { code: 0, stdout: "1\n", stderr: "" });
  }
});

Deno.test("Ctrl-C in a terminal leaves the job running, with status 130", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  await using terminal = await inTerminal(host, ["wait", "a"], { columns: 60 });
  await terminal.shows(/available: it is next in line/);
  await terminal.pressCtrlC();
  await terminal.shows(/The job a goes on\./);
  assert.equal(await terminal.finished(), 130);
  assert.equal((await host.jobs.store.get("a"))?.state, "available");
});

Deno.test("a terminal shows the progress of a job, then its result", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  const claim = await host.jobs.claim();
  await using terminal = await inTerminal(host, ["wait", "a"], { columns: 60 });
  await until(() => host.jobs.feed.hasListeners("a"), "the wait", { timeoutMs: 60_000 });
  const progress = { fraction: 0.5, message: "half \x1b]0;title\x07" };
  host.jobs.feed.emit("a", { type: "progress", progress });
  await terminal.shows(/running {2}█+░+ {2}50% {2}half \\x1b]0;title\\x07/);
  await host.complete({ done: true }, claim);
  assert.equal(await terminal.finished(), 0);
  // deno-lint-ignore no-control-regex
  assert.match(terminal.output, /\r\x1b\[K\{"done":true\}\n$/);
});

Deno.test("a list fits a terminal of 20 columns, and one that does not say its width", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a", tags: ["世界世界", "\x1b[31m"] });
  await using narrow = await inTerminal(host, ["list"], { columns: 20 });
  assert.equal(await narrow.finished(), 0);
  const lines = narrow.output.replace(DENO_CLEARS, "").trimEnd().split("\n");
  assert.equal(lines.length, 2);
  for (const line of lines) assert.ok(textWidth(line) <= 20, line);
  await using unknown = await inTerminal(host, ["list"], { env: { NO_COLOR: "" } });
  assert.equal(await unknown.finished(), 0);
  // deno-lint-ignore no-control-regex
  assert.match(unknown.output, /\x1b\[1mavailable\x1b\[0m .* #世界世界 #\\x1b\[31m\n$/);
});

Deno.test("a cancellation of a choice is confirmed in the terminal", async () => {
  await using host = CliHost.open();
  for (const id of ["a", "b"]) await host.submit({ tool: "add", id, tags: ["t"] });
  await using terminal = await inTerminal(host, ["cancel", "--tag", "t"]);
  await terminal.shows(/Cancel 2 jobs\? \[y\/N\] $/);
  await terminal.type("y\n");
  assert.equal(await terminal.finished(), 0);
  assert.match(terminal.output, /2 jobs were cancelled\.\n$/);
});

Deno.test("Ctrl-C at a question changes nothing", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a", tags: ["t"] });
  await using terminal = await inTerminal(host, ["cancel", "--tag", "t"]);
  await terminal.shows(/Cancel 1 job\? \[y\/N\] $/);
  await terminal.pressCtrlC();
  assert.equal(await terminal.finished(), 130);
  assert.equal((await host.jobs.store.get("a"))?.state, "available");
});
