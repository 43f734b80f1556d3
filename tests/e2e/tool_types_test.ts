/** Generates types for a real adapter from the folder of a project, and uses them there. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { Project } from "../fixtures/project.ts";
import { until } from "../fixtures/until.ts";
import { errorsIn } from "../types_gen/described.ts";

const ADAPTERS = join(ROOT, "tests/fixtures/adapters");
const CONFIG = JSON.stringify({
  pools: [
    { name: "default", size: 1, adapter: "all_kinds", modulePaths: [ADAPTERS] },
    {
      name: "grpc",
      min: 0,
      max: 1,
      adapter: "all_kinds",
      modulePaths: [ADAPTERS],
      carrier: "grpc",
    },
  ],
});

const PROGRAM = `import { loadConfig, Snakeden } from "snakeden";
import { type Node, type PersonInput, toolsOf } from "./snakeden.types.ts";

await using den = await Snakeden.start(await loadConfig());
const py = toolsOf(den);
const ada: PersonInput = { name: "Ada", "birth-year": 1815, friends: [{ name: "Bob" }] };
for (const { person } of [py, toolsOf(den, { pool: "grpc" })]) {
  const { name, born, friends } = await person({ value: ada });
  console.log(name.length, born + 1, friends.map((it) => it.born));
}
const tree: Node = await py.tree({ value: { value: 1n, children: [{ value: 2 }] } });
console.log(tree.value + 1, tree.children[0]?.children.length);
const pet = await py.pet({ value: { type: "cat" } });
console.log(pet.type === "cat" ? pet.lives + 1 : pet.name);
const [first, second] = await py.pair({ value: [3] });
console.log(first + 1, second.length);
console.log((await py.options({ value: { limit: 2 } })).limit);
console.log((await py.data({ value: new Uint8Array([1, 2]) })).byteLength);
const list = await py.array({ value: [[1, 2]] });
console.log("shape" in list ? list.shape : list.length);
const text = await py.kinds({
  number: 2n ** 60n,
  mode: 3,
  colour: "blue",
  either: ["x"],
  point: [1, "b"],
  unique: new Set(["u"]),
  when: new Date(0).toISOString(),
  maybe: undefined,
}, { pool: "grpc", timeoutMs: 60_000 });
console.log(text.toUpperCase(), await py["dotted.name-1"]());
const stream = py.count({ n: 3 });
for await (const n of stream) console.log(n.toFixed(1));
console.log(await stream.result);
`;

const PRINTED = `3 1816 [ 1970 ]
3 1816 [ 1970 ]
2 0
10
4 1
2
2
[ 1, 2 ]
1152921504606846976 null
0.0
1.0
2.0
null
`;

/** Calls that the compiler must refuse, each on a line of its own. */
const WRONG = [
  `py.kinds({ number: "1" });`,
  `py.kinds({});`,
  `py.kinds({ number: 1, nmber: 2 });`,
  `py.kinds({ number: 1, mode: "medium" });`,
  `py.kinds({ number: 1, colour: "green" });`,
  `py.kinds({ number: 1, point: [1] });`,
  `py.kinds({ number: 1, sizes: { a: "b" } });`,
  `py.pet({ value: { type: "cow" } });`,
  `py.person({ value: { "birth-year": 1 } });`,
  `py.data({ value: "text" });`,
  `py.array({ value: "text" });`,
  `py.tree({ value: { value: 1, children: [{}] } });`,
  `py.kinds({ number: 1 }, { timeoutMS: 1 });`,
  `py.kinds({ number: 1 }, { pool: "gpu" });`,
  `py.kind({ number: 1 });`,
  `(await py.person({ value: { name: "a" } }))["birth-year"];`,
  `(await py.options({ value: {} })).limit.toFixed();`,
  `for await (const n of py.count({ n: 1 })) n.length;`,
  `export const text: number = await py.kinds({ number: 1 });`,
];

const HOST_TOOLS_CONFIG = `import { defineConfig, defineTool } from "snakeden";
import { z } from "npm:zod@4.6.7";

export default defineConfig({
  pools: [{
    name: "default",
    size: 1,
    adapter: "reads_streams",
    modulePaths: [${JSON.stringify(ADAPTERS)}],
  }],
  hostTools: [
    defineTool({
      name: "lookup",
      description: "Finds a customer.",
      input: z.object({ id: z.int(), short: z.boolean().default(false) }),
      output: z.object({ name: z.string() }),
      exposeHttp: true,
      run: ({ id }) => ({ name: \`customer \${id}\` }),
    }),
    defineTool({
      name: "steps",
      output: z.int(),
      exposeHttp: true,
      *run() {
        yield 1;
        yield 2;
      },
    }),
  ],
});
`;

const BOTH_PROGRAM = `import { loadConfig, Snakeden } from "snakeden";
import { SnakedenClient } from "snakeden/client";
import { toolsOf } from "./snakeden.types.ts";

async function* counted(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}

await using den = await Snakeden.start(await loadConfig());
await using client = new SnakedenClient({ baseUrl: Deno.env.get("HOST_URL") ?? "" });
for (const py of [toolsOf(den), toolsOf(client)]) {
  console.log(await py.sum_of({ numbers: counted(4), start: 1 }), await py.sum_of({ numbers: [2] }));
  for await (const item of py.relay({ items: counted(1) })) console.log(item);
  console.log((await py.lookup({ id: 3 })).name.length);
  for await (const step of py.steps()) console.log(step.toFixed(1));
}
`;

const BOTH_WRONG = [
  `py.sum_of({ numbers: 1 });`,
  `py.sum_of({ numbers: ["x"] });`,
  `py.sum_of({ numbers: ReadableStream.from(["x"]) });`,
  `py.lookup({ id: "3" });`,
  `py.lookup({ id: 3, long: true });`,
  `(await py.lookup({ id: 3 })).age;`,
  `py.lookup({ id: 3 }, { pool: "default" });`,
];

/** Runs `deno task types` of the checkout in a folder of a project. */
async function types(cwd: string, flags: readonly string[] = []): Promise<Ending> {
  await using program = new HostProcess(["task", "--cwd", ROOT, "types", ...flags], {
    cwd,
    // A task that runs in a task keeps the folder of the outer one.
    env: { SNAKEDEN_PYTHON: await devPython(), INIT_CWD: cwd },
  });
  return await program.finished();
}

type Ending = Awaited<ReturnType<HostProcess["finished"]>>;

/** Returns a program with a call on each line, from the line {@link FIRST_CALL} on. */
function programOf(calls: readonly string[]): string {
  return `import { Snakeden } from "snakeden";
import { toolsOf } from "./snakeden.types.ts";
const py = toolsOf(await Snakeden.start());
${calls.join("\n")}
`;
}

const FIRST_CALL = 4;

Deno.test("deno task types writes types that catch wrong calls, and functions that make right ones", async (t) => {
  await using project = await Project.create({
    "python/snakeden.config.json": CONFIG,
    "python/main.ts": PROGRAM,
    "python/program.ts": programOf(WRONG),
    "both/snakeden.config.ts": HOST_TOOLS_CONFIG,
    "both/main.ts": BOTH_PROGRAM,
    "both/program.ts": programOf(BOTH_WRONG),
  });
  const [python, both] = [join(project.path, "python"), join(project.path, "both")];
  const file = join(python, "snakeden.types.ts");

  await t.step("it writes a file beside the configuration, and leaves nothing else", async () => {
    const { code, stdout, stderr } = await types(python);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `written: ${file}\n`);
    assert.match(await Deno.readTextFile(file), /readonly "dotted\.name-1": \(/);
    const left = [...Deno.readDirSync(python)].map(({ name }) => name).sort();
    assert.deepEqual(left.filter((it) => it !== ".snakeden"), [
      "main.ts",
      "program.ts",
      "snakeden.config.json",
      "snakeden.types.ts",
    ]);
    assert.deepEqual([...Deno.readDirSync(project.path)].map(({ name }) => name).sort(), [
      "both",
      "deno.json",
      "python",
    ]);
  });

  await t.step(
    "it writes types of input streams and host tools, and stubs for Python",
    async () => {
      const { code, stderr } = await types(both, ["--stubs", "."]);
      assert.equal(code, 0, stderr);
      const text = await Deno.readTextFile(join(both, "snakeden.types.ts"));
      assert.match(text, /numbers: AsyncIterable<number \| bigint> \| Iterable<number \| bigint>;/);
      const stubs = await Deno.readTextFile(join(both, "snakeden_host_tools.py"));
      assert.match(
        stubs,
        /def __call__\(self, \*, id: int, short: bool = \.\.\.\) -> LookupResult/,
      );
    },
  );

  await t.step("right programs compile, and each wrong call is an error in its line", async () => {
    // One check of all programs, since most of its time goes into the types of the library.
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--no-lock", "--quiet"].concat(
        ["python", "both"].flatMap((it) => [`${it}/main.ts`, `${it}/program.ts`]),
      ),
      cwd: project.path,
      env: { NO_COLOR: "1" },
    }).output();
    const output = new TextDecoder().decode(stderr);
    assert.equal(code, 1, output);
    const errors = errorsIn(output);
    for (const [folder, calls] of [[python, WRONG], [both, BOTH_WRONG]] as const) {
      const own = errors.filter(({ path }) => path === join(folder, "program.ts"));
      const lines = [...new Set(own.map(({ line }) => line))];
      assert.deepEqual(lines, calls.map((_, i) => i + FIRST_CALL), output);
    }
  });

  await t.step("right calls work by the library", async () => {
    const run = await project.run("python/main.ts", { flags: ["-A"], cwd: python });
    assert.equal(run.stdout, PRINTED, run.stderr);
  });

  await t.step(
    "right calls with input streams and of host tools work by the library and the client",
    async () => {
      await using dir = await tempDir();
      await using server = await ServerProcess.start({
        dataDir: dir.path,
        args: ["--config", join(both, "snakeden.config.ts")],
      });
      const env = { HOST_URL: server.url };
      const run = await project.run("both/main.ts", { flags: ["-A"], cwd: both, env });
      const once = "7 2\n0\n10\n1.0\n2.0\n";
      assert.equal(run.stdout, once + once, run.stderr);
    },
  );

  await t.step("--check passes, and fails once the file is stale", async () => {
    const fresh = await types(python, ["--check"]);
    assert.equal(fresh.code, 0, fresh.stderr);
    assert.equal(fresh.stdout, `up to date: ${file}\n`);
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace("/** Return a tree. */", "/** Other. */"));
    const stale = await types(python, ["--check"]);
    assert.equal(stale.code, 1);
    assert.match(
      stale.stderr,
      /stale: \S+snakeden\.types\.ts: line \d+\n-.*Other\.[^]*\+.*Return a tree\./,
    );
    assert.match(await Deno.readTextFile(file), /Other/);
  });
});

Deno.test("deno task types names an adapter that cannot be loaded, and writes nothing", async () => {
  await using project = await Project.create({
    "other.json": JSON.stringify({
      pools: [{ name: "default", adapter: "raises_at_import", modulePaths: [ADAPTERS] }],
    }),
  });
  const { code, stdout, stderr } = await types(project.path, [
    ...["--config", "other.json", "--out", "out/tools.ts", "--stubs", "out"],
  ]);
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /^snakeden: Cannot load the adapter raises_at_import of the pool default: /m,
  );
  assert.match(stderr, /Error/);
  assert.equal([...Deno.readDirSync(project.path)].some(({ name }) => name === "out"), false);
});

Deno.test("deno task types leaves nothing behind after Ctrl-C", async () => {
  await using project = await Project.create({
    "snakeden.config.json": JSON.stringify({
      pools: [{ name: "default", adapter: "slow", modulePaths: ["."] }],
    }),
    "slow.py": `import os, pathlib, time
pathlib.Path(__file__).with_name("pid").write_text(str(os.getpid()))
time.sleep(60)
`,
  });
  const temp = join(project.path, "temp");
  await Deno.mkdir(temp);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `--config=${join(ROOT, "deno.json")}`, join(ROOT, "scripts/tool_types.ts")],
    cwd: project.path,
    env: { SNAKEDEN_PYTHON: await devPython(), TMPDIR: temp, INIT_CWD: project.path },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const readPid = (): number => {
    try {
      return Number(Deno.readTextFileSync(join(project.path, "pid")));
    } catch {
      return 0;
    }
  };
  const pid = await until(() => readPid() || undefined, "the worker to load its adapter", {
    timeoutMs: 60_000,
  });
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  await until(() => !isAlive(pid) || undefined, "the worker to end", { timeoutMs: 10_000 });
  assert.deepEqual([...Deno.readDirSync(temp)], []);
  assert.equal([...Deno.readDirSync(project.path)].some(({ name }) => name.endsWith(".ts")), false);
});

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}
