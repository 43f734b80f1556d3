/** Submits scripts and commands by the command line, to a server that shows what it was sent. */
import assert from "node:assert/strict";
import { RunningCli, type RunOptions } from "../cli_fixture.ts";

interface Sent {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The fields of the submission; undefined if there was none. */
  readonly fields: Record<string, unknown> | undefined;
}

/** Runs `job submit` with these arguments. */
async function submitted(given: readonly string[], options: RunOptions = {}): Promise<Sent> {
  let fields: Record<string, unknown> | undefined;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { idempotencyKey: _, ...others } = await request.json();
      fields = others;
      const job = {
        id: "j1",
        queue: "default",
        state: "available",
        done: false,
        priority: 0,
        attempt: 0,
        maxAttempts: 1,
        tags: [],
        metadata: {},
        createdAt: "2030-01-31T08:00:00.000Z",
        ...others,
      };
      return Response.json(job, { status: 201 });
    },
  );
  const env = { SNAKEDEN_URL: `http://127.0.0.1:${server.addr.port}` };
  const run = await new RunningCli(["job", "submit", ...given], { ...options, env }).ended;
  return { ...run, fields };
}

Deno.test("job submit --script sends the texts of its arguments, and its own options", async () => {
  const { status, stdout, stderr, fields } = await submitted([
    ...[
      "--script",
      "report.py",
      "2026-11",
      "--env",
      "LEVEL=2",
      "--env",
      "EMPTY=",
      "--env",
      "A=b=c",
    ],
    ...["--stdin", "in.txt", "--allow", "net=a.example,b.example:443", "--allow", "env"],
    ...["--allow", "net=c.example", "--tag", "nightly", "--", "-v", "n=5"],
  ], { files: { "in.txt": "\ufeffone\n" } });
  assert.equal(status, 0, stderr);
  assert.deepEqual(fields, {
    kind: "script",
    script: "report.py",
    args: ["2026-11", "-v", "n=5"],
    env: { LEVEL: "2", EMPTY: "", A: "b=c" },
    stdin: "\ufeffone\n",
    permissions: { net: ["a.example", "b.example:443", "c.example"], env: true },
    tags: ["nightly"],
  });
  assert.match(stdout, /^j1 +available +report\.py +default/m);
  const piped = await submitted(["--script", "a.ts", "--stdin", "-"], { stdin: "typed" });
  assert.deepEqual(piped.fields, { kind: "script", script: "a.ts", args: [], stdin: "typed" });
});

Deno.test("job submit --command sends the values of its arguments", async () => {
  const { status, stdout, stderr, fields } = await submitted([
    ...["--command", "thumbnail", "input=/srv/a.png", "width=200", "--env", "A=b"],
  ]);
  assert.equal(status, 0, stderr);
  const args = { input: "/srv/a.png", width: 200 };
  assert.deepEqual(fields, { kind: "command", command: "thumbnail", args, env: { A: "b" } });
  assert.match(stdout, /^j1 +available +thumbnail +default/m);
});

Deno.test("job submit refuses options that do not go together, and submits nothing", async () => {
  const textOf = async (given: readonly string[], options: RunOptions = {}): Promise<string> => {
    const { status, stdout, stderr, fields } = await submitted(given, options);
    assert.deepEqual([status, stdout, fields], [2, "", undefined]);
    return stderr;
  };
  assert.match(await textOf([]), /^error: .*allowed: a TOOL, --script FILE or --command NAME$/m);
  assert.match(
    await textOf(["--script", "a.py", "--command", "b"]),
    /^error: --command: given beside --script; allowed: one of them$/m,
  );
  assert.match(
    await textOf(["--script", "a.py", "--batch", "b.csv"]),
    /^error: --batch: given beside --script/,
  );
  assert.match(
    await textOf(["add", "--env", "A=b"]),
    /--env needs --script FILE or --command NAME/,
  );
  assert.match(await textOf(["add", "--stdin", "-"]), /--stdin needs --script FILE or --command/);
  assert.match(await textOf(["--command", "b", "--allow", "net"]), /--allow needs --script FILE/);
  const script = ["--script", "a.ts"];
  assert.match(
    await textOf([...script, "--env", "A"]),
    /^error: --env: given "A"; allowed: NAME=V/,
  );
  for (const wrong of ["disk", "net=", "net=,", "NET=a", ""]) {
    assert.match(
      await textOf([...script, `--allow=${wrong}`]),
      /^error: --allow: given ".*"; allowed: KIND or KIND=LIST, where KIND is one of read, write, /,
    );
  }
  assert.match(await textOf([...script, "--stdin", "none"]), /Cannot read the file none: No such/);
});
