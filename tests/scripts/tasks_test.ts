/** Tests the tasks of deno.json as a user types them, with their real permissions. */
import assert from "node:assert/strict";
import { join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { devPython, ROOT } from "../../scripts/dev_python.ts";

interface TaskRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function task(args: string[], env: Record<string, string>): Promise<TaskRun> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", SNAKEDEN_PYTHON: await devPython(), ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Makes a directory with a space in its name: the tasks must quote it. */
async function withDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "snakeden tasks " });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Makes a directory where the tasks may not write: neither the data directory nor below /tmp. */
async function withOutside(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "snakeden-tasks-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Returns the permissions that the command of a task grants. */
function granted(command: string): Record<string, unknown> {
  const flags = command.matchAll(/--allow-([a-z]+)(?:=(?:"([^"]*)"|([\w,]+)))?/g);
  return Object.fromEntries([...flags].map(([, name = "", quoted, list = quoted]) => [
    name,
    // The last folder is the data directory, which the tasks take from the environment.
    list === undefined ? true : list.replace(/,\$\(.*\)$/, "").split(","),
  ]));
}

Deno.test("deno task grants the permissions of the set with flags, which print no warning", async () => {
  const { serve, default: scripts } = denoJson.permissions;
  for (const name of ["serve", "dev"] as const) {
    assert.deepEqual(granted(denoJson.tasks[name].command), serve, name);
  }
  // A set-up asks nothing about the machine.
  const { sys: _sys, ...withoutSys } = serve;
  assert.deepEqual(granted(denoJson.tasks.setup.command), withoutSys);
  const { write, ...others } = granted(denoJson.tasks.run.command);
  assert.deepEqual([new Set(write as string[]), others], [
    new Set(scripts.write),
    (({ write: _, ...rest }) => rest)(scripts),
  ]);
  const run = await task(["serve", "--version"], {});
  assert.match(run.stdout, /^snakeden \d/);
  assert.doesNotMatch(run.stderr, /warning|experimental/i);
});

Deno.test("README.md names the Deno of .dvmrc for those who have none", async () => {
  const [version, readme] = await Promise.all(
    [".dvmrc", "README.md"].map((it) => Deno.readTextFile(join(ROOT, it))),
  );
  const named = [...readme?.matchAll(/npx -y deno@([\d.]+\d)/g) ?? []].map((it) => it[1]);
  assert.deepEqual(new Set(named), new Set([version?.trim()]));
});

Deno.test("deno task run runs an example with the permissions of the set, to its end", async () => {
  await withDir(async (dir) => {
    const csv = join(dir, "some.csv");
    await Deno.writeTextFile(csv, 'a,b\n1,"5 inch\n2,y\n');
    const run = await task(["run", "examples/profile_csv.ts", csv], {});
    assert.match(run.stdout, /^2 rows$/m, run.stderr);
    assert.match(run.stderr, /^warning: 1 unclosed quote \(line 2\)/m);
    assert.doesNotMatch(run.stderr, /NotCapable/);
    assert.equal(run.code, 0);
  });
});

Deno.test("deno task run refuses a write elsewhere with an error, and takes more permissions", async () => {
  await withDir((dir) =>
    withOutside(async (outside) => {
      const script = join(dir, "writes.ts");
      await Deno.writeTextFile(script, "await Deno.writeTextFile(Deno.args[0], 'written');");
      const target = join(outside, "file");
      const env = { SNAKEDEN_DATA_DIR: join(dir, "data") };
      const refused = await task(["run", script, target], env);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /NotCapable: Requires write access/);
      const granted = await task(["run", `--allow-write=${outside}`, script, target], env);
      assert.equal(granted.code, 0, granted.stderr);
      assert.equal(await Deno.readTextFile(target), "written");
    })
  );
});

Deno.test("deno task setup says where the Python is", async () => {
  await withDir(async (dir) => {
    const run = await task(["setup"], { SNAKEDEN_DATA_DIR: join(dir, "data") });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^Python 3\.\d+\.\d+ for the workers: \//m);
  });
});

Deno.test("deno task setup explains an error of the Python environment", async () => {
  await withDir(async (dir) => {
    const run = await task(["setup"], {
      SNAKEDEN_DATA_DIR: join(dir, "data"),
      SNAKEDEN_PYTHON: "/no/python",
    });
    assert.equal(run.code, 1);
    assert.match(run.stderr, /^snakeden: Cannot use the Python \/no\/python: no such program$/m);
  });
});

Deno.test("deno task check refuses a check that does not exist", async () => {
  const run = await task(["check", "everything"], {});
  assert.equal(run.code, 2);
  assert.match(run.stderr, /no check everything; there are format, lint, /);
});
