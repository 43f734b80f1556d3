import assert from "node:assert/strict";
import { argsOf, frameOf } from "../../routes/jobs/job_client.ts";
import { CliHost } from "../cli_fixture.ts";

Deno.test("job submit reads arguments as NAME=VALUE, JSON, a file and standard input", async () => {
  await using host = CliHost.open();
  const argsFrom = async (given: string[], options = {}): Promise<unknown> => {
    const { status, stderr } = await host.run(["submit", "add", ...given], options);
    assert.equal(status, 0, stderr);
    return argsOf(await host.jobs.claim());
  };
  assert.deepEqual(
    await argsFrom(["n=5", "x=1.5", "big=123456789012345678901", "on=true", "none=null"]),
    { n: 5, x: 1.5, big: 123456789012345678901n, on: true, none: null },
  );
  assert.deepEqual(
    await argsFrom(["s=five", 's2="5"', "s3=007", "s4=", "s5=a=b", "list=[1]", "neg=-1"]),
    { s: "five", s2: "5", s3: "007", s4: "", s5: "a=b", list: [1], neg: -1 },
  );
  const tagged = '{"b":{"$snakeden":"bytes","base64":"AAEC"}}';
  assert.deepEqual(await argsFrom([tagged]), { b: new Uint8Array([0, 1, 2]) });
  assert.deepEqual(await argsFrom(["-"], { stdin: '{"a":1}' }), { a: 1 });
  const files = { "in.json": '{"a":1,"b":2}' };
  assert.deepEqual(await argsFrom(["@in.json", "b=3"], { files }), { a: 1, b: 3 });
  assert.deepEqual(await argsFrom([]), {});
});

Deno.test("job submit refuses what is no argument, with status 2 and nothing submitted", async () => {
  await using host = CliHost.open();
  const textOf = async (given: string[], options = {}): Promise<string> => {
    const { status, stdout, stderr } = await host.run(["submit", "add", ...given], options);
    assert.deepEqual([status, stdout], [2, ""]);
    return stderr;
  };
  assert.match(await textOf(["foo"]), /^error: .*given "foo"; allowed: NAME=VALUE, a JSON object/);
  assert.match(await textOf(["{"]), /^error: Cannot read the arguments: /);
  assert.match(await textOf(["@none.json"]), /^error: Cannot read the file none.json: No such/);
  assert.match(
    await textOf(["-"], { stdin: "[1]" }),
    /standard input: given no object; allowed: a JSON object/,
  );
  assert.match(await textOf(['{"b":{"$snakeden":"bytes"}}']), /^error: Cannot read the arguments/);
  assert.match(await textOf(["--delay", "soon"]), /Allowed: a duration such as 500ms/);
  assert.match(await textOf(["--priority", "11"]), /Allowed: a whole number from -10 to 10/);
  assert.match(await textOf(["--unique-mode", "drop"]), /--unique-mode needs --unique KEY/);
  assert.match(await textOf(["--wait-timeout", "5s"]), /needs --wait or --follow/);
  assert.match(await textOf(["--json", "--quiet"]), /--quiet: given beside --json/);
  assert.deepEqual((await host.jobs.send("GET", "/v1/jobs")).body.jobs, []);
});

Deno.test("job submit passes the options of a job on", async () => {
  await using host = CliHost.open();
  const { status, stdout } = await host.run([
    ...["submit", "add", "--json", "--id", "import-7", "--priority", "-3", "--delay", "1h30m"],
    ...["--ttl", "2d", "--max-attempts", "5", "--tag", "a", "--tag", "b,c", "--meta", "by=me"],
    ...["--meta", "n=1", "--pool", "default", "--session", "s1", "--concurrency", "c:7:2"],
    ...["--options", '{"rateLimit":{"key":"r","limit":1,"periodMs":1000}}'],
  ]);
  assert.equal(status, 0);
  const job = JSON.parse(stdout);
  const { id, priority, state, maxAttempts, tags, metadata, sessionId, pool } = job;
  assert.deepEqual({ id, priority, state, maxAttempts, tags, metadata, sessionId, pool }, {
    id: "import-7",
    priority: -3,
    state: "scheduled",
    maxAttempts: 5,
    tags: ["a", "b,c"],
    metadata: { by: "me", n: 1 },
    sessionId: "s1",
    pool: "default",
  });
  assert.equal(Date.parse(job.runAt) - Date.parse(job.createdAt), 5_400_000);
  const stored = await host.jobs.store.get("import-7");
  assert.deepEqual([stored?.concurrencyKey, stored?.rateKey], ["c:7", "r"]);
});

Deno.test("job submit says what became of a submission that made no job", async () => {
  await using host = CliHost.open();
  const first = await host.run(["submit", "add", "--id", "a", "-q"]);
  assert.deepEqual(first, { status: 0, stdout: "a\n", stderr: "" });
  const again = await host.run(["submit", "add", "--id", "a"]);
  assert.deepEqual([again.status, again.stderr], [0, "The job a already exists.\n"]);
  const other = await host.run(["submit", "add", "n=1", "--id", "a"]);
  assert.equal(other.status, 1);
  assert.match(
    other.stderr,
    /^error: .*the job a was made by another .*\n {2}code: idempotency_conflict\n {2}request: \S+\n$/,
  );
});

Deno.test("job submit --wait writes the result, and its status is that of the job", async () => {
  await using host = CliHost.open();
  const running = host.start(["submit", "add", "--wait", "--id", "a"]);
  await running.shows(/Submitted the job a\./);
  await host.complete({ n: 1n, b: new Uint8Array([1]) });
  assert.deepEqual(await running.ended, {
    status: 0,
    stdout: '{"n":1,"b":{"$snakeden":"bytes","base64":"AQ=="}}\n',
    stderr: "Submitted the job a.\n",
  });
  const failing = host.start(["submit", "add", "--wait", "--id", "b", "--max-attempts", "1"]);
  await failing.shows(/Submitted/);
  const error = { code: "python_exception", message: "ValueError: \x1b[31mno\nsecond" };
  await host.fail(error);
  assert.deepEqual(await failing.ended, {
    status: 1,
    stdout: "",
    stderr: "Submitted the job b.\nThe job b is discarded: ValueError: \\x1b[31mno\nsecond\n" +
      "  code: python_exception\n",
  });
});

Deno.test("job submit --follow writes chunks while they come, and events as lines of JSON", async () => {
  await using host = CliHost.open();
  const run = async (flags: string[]): Promise<string> => {
    const running = host.start(["submit", "count", "--follow", ...flags]);
    await running.shows(/Submitted|"state"/);
    const claim = await host.jobs.claim();
    const chunks = [frameOf("a\x9b"), frameOf(2n ** 60n)];
    await host.jobs.store.extend([{ token: claim.token, leaseMs: 60_000, chunks }]);
    await running.shows(/1152921504606846976/);
    await host.complete(["a"], claim);
    const { status, stdout } = await running.ended;
    assert.equal(status, 0);
    return stdout;
  };
  const tagged = '{"$snakeden":"int","value":"1152921504606846976"}';
  assert.equal(await run([]), `"a\\u009b"\n${tagged}\n`);
  const events = (await run(["--json"])).trim().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(events.map(({ type }) => type), ["state", "chunk", "chunk", "end"]);
  assert.equal(events[3].job.state, "completed");
});
