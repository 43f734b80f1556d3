import assert from "node:assert/strict";
import { CliHost } from "../cli_fixture.ts";

Deno.test("job show has all that is known of a job, and no control characters of it", async () => {
  await using host = CliHost.open();
  await host.submit({
    tool: "add",
    id: "a",
    priority: 3,
    maxAttempts: 1,
    tags: ["x"],
    metadata: { by: "me\x9b" },
    sessionId: "s1",
  });
  const error = { code: "python_exception", message: "ValueError: no\n  File \x1b[2J" };
  await host.fail(error);
  const { status, stdout, stderr } = await host.run(["show", "a"]);
  assert.deepEqual([status, stderr], [0, ""]);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  const lines = stdout.replaceAll(/\S+Z \([^)]*\)/g, "TIME").replace(/^took .*/m, "took").split(
    "\n",
  );
  assert.deepEqual(lines.slice(0, -3), [
    "job        a",
    "state      discarded",
    "kind       call",
    "tool       add",
    "pool       default",
    "queue      default",
    "session    s1",
    "priority   3",
    "tags       x",
    'metadata   {"by":"me\\u009b"}',
    "attempts   1 of 1",
    "created    TIME",
    "started    TIME",
    "finished   TIME",
    "took",
    "error      python_exception: ValueError: no",
    "             File \\x1b[2J",
    "",
  ]);
  assert.match(lines.at(-3) ?? "", /^TRY {2}OUTCOME {2}STARTED +TOOK +WORKER +ERROR$/);
  const attempt = /^1 {4}failed .* default-1 {2}python_exception: ValueError: no +File \\x1b\[2J$/;
  assert.match(lines.at(-2) ?? "", attempt);
});

Deno.test("job show breaks long texts within the columns of a terminal", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a", maxAttempts: 1 });
  await host.fail({ code: "python_exception", message: `ValueError: ${"some words ".repeat(9)}` });
  const options = { terminal: ["stdout"] as const, columns: 80 };
  const { stdout } = await host.run(["show", "a", "--color", "never"], options);
  const lines = stdout.trimEnd().split("\n");
  for (const line of lines) assert.ok(line.length <= 80, line);
  const error = lines.findIndex((it) => it.startsWith("error"));
  assert.match(lines[error + 1] ?? "", /^ {11}(some|words) /);
  const column = lines.find((it) => it.startsWith("TRY"))?.indexOf("ERROR") ?? 0;
  assert.match(lines.at(-1)?.slice(column) ?? "", /^(some|words)/);
  assert.equal(lines.at(-1)?.slice(0, column).trim(), "");
});

Deno.test("job show says why a job waits, and has its result as JSON", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  assert.match(
    (await host.run(["show", "a"])).stdout,
    /^waits {6}it is next in line for a worker/m,
  );
  await host.complete({ text: "x".repeat(3_000) });
  const piped = (await host.run(["show", "a"])).stdout;
  assert.match(piped, /^result {5}\{\n {13}"text": "x{3000}"\n {11}\}$/m);
  const shown = await host.run(["show", "a"], { terminal: ["stdout"] });
  assert.match(shown.stdout, /x… \(\d+ characters\)$/m);
  const json = await host.run(["show", "a", "--json"]);
  assert.deepEqual(JSON.parse(json.stdout), (await host.jobs.send("GET", "/v1/jobs/a")).body);
});

Deno.test("job show goes on after an id that there is not, and its status is 3", async () => {
  await using host = CliHost.open();
  await host.submit({ tool: "add", id: "a" });
  const { status, stdout, stderr } = await host.run(["show", "none", "a/b", "a", "-q"]);
  assert.deepEqual([status, stdout], [3, "a\n"]);
  assert.match(
    stderr,
    /^error: There is no job "none": [^]*\n {2}code: unknown_job\n {2}hint: list /,
  );
  assert.match(stderr, /There is no job "a\/b"/);
  assert.equal((await host.run(["show", "none"])).status, 3);
  const lines = (await host.run(["show", "a", "a", "--json"])).stdout.trimEnd().split("\n");
  assert.deepEqual(lines.map((it) => JSON.parse(it).id), ["a", "a"]);
});
