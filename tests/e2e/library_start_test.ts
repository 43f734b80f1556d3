/** The start of the library in a project of its own: flags, permissions, the log, adapters. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { ROOT } from "../fixtures/host.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { Project } from "../fixtures/project.ts";

const MAIN = `
import { Snakeden, SnakedenError } from "snakeden";
try {
  await using den = await Snakeden.start(JSON.parse(Deno.args[0] ?? "{}"));
  console.log(await den.execute(...(JSON.parse(Deno.args[1] ?? '["add", {"a": 2, "b": 3}]'))));
} catch (error) {
  if (!(error instanceof SnakedenError)) throw error;
  console.log(error.code, JSON.stringify(error.details));
  console.log(error.message);
}
`;
const ONE = JSON.stringify({ pools: [{ name: "default", size: 1 }] });
/** All that docs/library.md asks for, without a prompt. */
const FLAGS = {
  run: "--allow-run",
  net: "--allow-net",
  read: "--allow-read",
  write: "--allow-write=.snakeden",
  env: "--allow-env",
} as const;
type Flag = keyof typeof FLAGS;

/** Puts the flag of one permission in the place of the usual one; "" for none. */
function flagsWith(changed: Partial<Record<Flag, string>> = {}): string[] {
  return ["--no-prompt", ...Object.values({ ...FLAGS, ...changed })].filter((it) => it !== "");
}

/** Runs the program of {@link MAIN}. */
async function start(
  project: Project,
  flags: readonly string[],
  { args = [ONE], env = {} }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  // Deno.args come after the file, which is the last part of the command.
  const script = `const args = ${JSON.stringify(args)}; Object.defineProperty(Deno, "args", ` +
    `{ value: args }); await import("./main.ts");`;
  await project.write("run.ts", script);
  const { stdout, stderr } = await project.run("run.ts", { flags, env });
  return { stdout, stderr };
}

Deno.test("Snakeden.start() runs in a user's project with the five permissions, and prints nothing", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  assert.deepEqual(await start(project, flagsWith()), { stdout: "5\n", stderr: "" });
});

const MISSING: readonly [flag: Flag, given: string, text: RegExp][] = [
  [
    "run",
    "",
    /\n {2}--allow-run: workers are processes that Snakeden starts and ends; Deno allows/,
  ],
  ["run", "--allow-run=python3", /\n {2}--allow-run: /],
  ["net", "", /\n {2}--allow-net: workers connect to a Unix socket with a new name at each start/],
  ["net", "--allow-net=127.0.0.1", /\n {2}--allow-net: /],
  ["read", "", /\n {2}--allow-read=\.snakeden,\S+\/python,\S+: the data directory, Snakeden's/],
  ["read", "--allow-read=.snakeden", /\n {2}--allow-read=\S+\/python,\S+: the data directory/],
  [
    "write",
    "",
    /\n {2}--allow-write=\.snakeden: the data directory, with .* by dataDir or SNAKEDEN_DA/,
  ],
  ["write", "--allow-write=/dev/shm", /\n {2}--allow-write=\.snakeden: /],
  ["env", "", /\n {2}--allow-env: PATH, HOME and their like.*a list must have PATH/],
  ["env", "--allow-env=HOME,SNAKEDEN_*", /\n {2}--allow-env: PATH, HOME/],
];

Deno.test("Snakeden.start() names each missing or partial permission, with its flag and its use", async (t) => {
  await using project = await Project.create({ "main.ts": MAIN });
  const python = { executable: await devPython() };
  const options = JSON.stringify({ ...JSON.parse(ONE), python });
  for (const [flag, given, text] of MISSING) {
    await t.step(`${FLAGS[flag]} is ${given || "missing"}`, async () => {
      const { stdout, stderr } = await start(project, flagsWith({ [flag]: given }), {
        args: [options],
      });
      assert.equal(stderr, "");
      assert.match(
        stdout,
        /^startup_failed \{"missing":\["--allow-[^,]*[^"]*"\]\}\nCannot start: /,
      );
      assert.match(stdout, text);
      assert.match(
        stdout,
        /\nAdd these flags to `deno run`; docs\/library\.md says what each is for/,
      );
    });
  }
});

Deno.test("Snakeden.start() names all missing permissions at once", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const { stdout } = await start(project, ["--no-prompt", "--allow-env=SNAKEDEN_PYTHON"]);
  const flags = [...stdout.matchAll(/^ {2}(--allow-\w+)/gm)].map(([, flag]) => flag);
  assert.deepEqual(flags, [
    "--allow-run",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
  ]);
});

Deno.test("Snakeden.start() needs to read everything only if it searches for a Python itself", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const { stdout } = await start(project, flagsWith({ read: "--allow-read=." }), {
    env: { SNAKEDEN_PYTHON: "" },
  });
  assert.match(
    stdout,
    /\n {2}--allow-read: Python is looked for in the folders of PATH\. With a path in python\.executable or SNAKEDEN_PYTHON, --allow-read=\.snakeden,\S+ and that path suffice/,
  );
  const narrow = `--allow-read=.,${join(ROOT, "python")},${await devPython()}`;
  assert.equal((await start(project, flagsWith({ read: narrow }))).stdout, "5\n");
});

Deno.test("Snakeden.start() asks for what the Python of each pool needs", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const narrow = flagsWith({ read: `--allow-read=.,${join(ROOT, "python")},${await devPython()}` });
  const refusal = async (python: unknown): Promise<string> => {
    const pools = [{ name: "default", size: 1 }, { name: "own", size: 1, python }];
    return (await start(project, narrow, { args: [JSON.stringify({ pools })] })).stdout;
  };
  assert.match(
    await refusal({ executable: "/opt/bin/python" }),
    /\n {2}--allow-read=\/opt\/bin\/p/,
  );
  const dev = { pools: [{ name: "default", size: 1, modulePaths: ["/opt/adapters"] }], dev: true };
  const { stdout } = await start(project, narrow, { args: [JSON.stringify(dev)] });
  assert.match(stdout, /\n {2}--allow-read=\/opt\/adapters: /);
  const folders = ["/opt/scripts", { path: "/srv/reports", requirements: "/srv/needs.txt" }];
  const jobs = { pools: dev.pools, jobs: { scriptFolders: folders } };
  assert.match(
    (await start(project, narrow, { args: [JSON.stringify(jobs)] })).stdout,
    /\n {2}--allow-read=\/opt\/scripts,\/srv\/reports,\/srv\/needs\.txt: /,
  );
  assert.match(
    await refusal({ requirements: ["own.txt"] }),
    /\n {2}--allow-read: Python is looked/,
  );
});

Deno.test("Snakeden.start() asks for the variables that a pool passes on", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const pools = [{ name: "default", size: 1, inheritEnv: ["MODEL_DIR"] }];
  const flags = flagsWith({ env: "--allow-env=PATH,SNAKEDEN_*" });
  const { stdout } = await start(project, flags, { args: [JSON.stringify({ pools })] });
  assert.match(stdout, /\n {2}--allow-env=MODEL_DIR: pools name these variables in inheritEnv/);
  const grpc = JSON.stringify({ pools: [{ name: "default", size: 1, carrier: "grpc" }] });
  const refused = await start(project, flags, { args: [grpc] });
  assert.match(refused.stdout, /\n {2}--allow-env=GRPC_\*: .* or need them for gRPC/);
  const more = flagsWith({ env: "--allow-env=PATH,SNAKEDEN_*,GRPC_*" });
  assert.equal((await start(project, more, { args: [grpc] })).stdout, "5\n");
});

Deno.test("Snakeden.start() warns of variables that the program may not read, unless the log leaves warnings out", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const flags = flagsWith({ env: "--allow-env=PATH,SNAKEDEN_*" });
  const { stdout, stderr } = await start(project, flags);
  assert.equal(stdout, "5\n");
  assert.match(
    stderr,
    /^snakeden: warning: this program may not read the variables HOME, USER, .* and \d+ more: workers start without them, and those of Snakeden have no effect; run it with --allow-env, or with the list in docs\/library\.md\n$/,
  );
  const quiet = { env: { SNAKEDEN_LOG_LEVEL: "error" } };
  assert.deepEqual(await start(project, flags, quiet), { stdout: "5\n", stderr: "" });
});

Deno.test("Snakeden.start() warns what is lost without --unstable-kv, and goes on", async () => {
  await using project = await Project.create({ "main.ts": MAIN }, { unstable: [] });
  const { stdout, stderr } = await start(project, flagsWith());
  assert.equal(stdout, "5\n");
  assert.match(
    stderr,
    /^snakeden: warning: this program has no Deno KV, so its records are kept in memory: .*; add "unstable": \["kv"\] to deno\.json, or run it with --unstable-kv\n$/,
  );
  const withFlag = await start(project, [...flagsWith(), "--unstable-kv"]);
  assert.deepEqual(withFlag, { stdout: "5\n", stderr: "" });
  const required = JSON.stringify({ ...JSON.parse(ONE), requireStore: true });
  const refused = await start(project, flagsWith(), { args: [required] });
  assert.match(refused.stdout, /^startup_failed .*this program has no Deno KV; add "unstable"/s);
});

Deno.test("Snakeden.start() asks nothing at a terminal", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  await using terminal = await Terminal.open([Deno.execPath(), ...project.command("main.ts")], {
    cwd: project.path,
  });
  await terminal.shows(/Cannot start: this program was not granted all that Snakeden needs/);
  await terminal.finished();
  assert.doesNotMatch(terminal.output, /Deno requests|Allow\?/);
});

Deno.test("Snakeden.start() logs if SNAKEDEN_LOG_LEVEL or the option logLevel names a level", async () => {
  await using project = await Project.create({ "main.ts": MAIN });
  const byVariable = await start(project, flagsWith(), { env: { SNAKEDEN_LOG_LEVEL: "info" } });
  assert.match(byVariable.stderr, /^\S+ INFO {2}pool {2}default-1 is ready/m);
  const options = { ...JSON.parse(ONE), logLevel: "info", logFormat: "plain" };
  const byOption = await start(project, flagsWith(), { args: [JSON.stringify(options)] });
  assert.match(byOption.stderr, /^snakeden: default-1 is ready/m);
  const wrong = await start(project, flagsWith(), { env: { SNAKEDEN_LOG_LEVEL: "loud" } });
  assert.match(wrong.stdout, /^config_invalid .*\(from SNAKEDEN_LOG_LEVEL\)/s);
});

Deno.test("Snakeden.start() with dev shows output of tools and every warning, if no level is named", async () => {
  const adapter =
    `from snakeden import tool\n\n@tool\ndef shout() -> str:\n    print("loud")\n    return "!"\n`;
  await using project = await Project.create({ "main.ts": MAIN, "shouts.py": adapter });
  const options = { pools: [{ name: "default", size: 1, adapter: "shouts" }], dev: true };
  const args = [JSON.stringify(options), `["shout"]`];
  const { stdout, stderr } = await start(project, flagsWith(), { args });
  assert.equal(stdout, "!\n");
  assert.match(stderr, /^snakeden: watching the Python files of pool \S+ in \//m);
  assert.match(stderr, /^default-1 \| loud$/m);
});

Deno.test("Snakeden.start() finds the adapter beside the program from any working directory", async () => {
  const adapter = `from snakeden import tool\n\n@tool\ndef greet(name: str) -> str:\n` +
    `    return f"Hello, {name}!"\n`;
  const main = `import { Snakeden } from "snakeden";
await using den = await Snakeden.start({ pools: [{ name: "default", size: 1, adapter: "greetings" }] });
console.log(await den.execute("greet", { name: "Ada" }));`;
  await using project = await Project.create({ "src/main.ts": main, "src/greetings.py": adapter });
  for (const cwd of [project.path, join(project.path, "src")]) {
    const { stdout, stderr } = await project.run("src/main.ts", { cwd, flags: flagsWith() });
    assert.deepEqual({ stdout, stderr }, { stdout: "Hello, Ada!\n", stderr: "" });
  }
});
