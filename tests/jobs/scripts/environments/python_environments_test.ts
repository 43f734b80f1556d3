import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  type PreparedPython,
  type PrepareOptions,
  PythonEnvironments,
  type ScriptFolderPackages,
} from "../../../../src/jobs/scripts/environments/mod.ts";
import { ScriptPythons } from "../../../../src/python_env/mod.ts";
import { until } from "../../../fixtures/until.ts";
import { StallingIndex } from "../../../python_env/stalling_index.ts";
import { type TinySource, tinySource, writeScript } from "../../../python_env/tiny_source.ts";

interface Setting extends AsyncDisposable {
  readonly tiny: TinySource;
  readonly environments: PythonEnvironments;
  readonly lines: string[];
  /** Prepares a script with this metadata; none if undefined. */
  prepare(
    name: string,
    toml: readonly string[] | undefined,
    options?: PrepareOptions & ScriptFolderPackages,
  ): Promise<PreparedPython>;
  /** Lists what is in the folder of the environments. */
  names(): string[];
}

interface SettingOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly executable?: string;
  readonly nowMs?: () => number;
  readonly realVenv?: boolean;
}

async function setting(
  { env = {}, executable, nowMs, realVenv = false }: SettingOptions = {},
): Promise<Setting> {
  const tiny = await tinySource({ realVenv });
  await tiny.wheel("fine_pie", "1.0");
  await tiny.wheel("other", "3.0");
  const pythons = new ScriptPythons({ dataDir: tiny.dataDir, executable }, {
    source: tiny.source,
    env: { ...tiny.env, ...env },
  });
  const environments = new PythonEnvironments({ dataDir: tiny.dataDir }, {
    pythons,
    ...(nowMs === undefined ? {} : { nowMs }),
  });
  const lines: string[] = [];
  const root = join(tiny.dataDir, "python");
  return {
    tiny,
    environments,
    lines,
    prepare: async (name, toml, { requirements, ...options } = {}) => {
      const block = toml?.map((it) => `# ${it}\n`).join("");
      const text = block === undefined ? "" : `# /// script\n${block}# ///\n`;
      const file = await tiny.write(name, text);
      const onProgress = (line: string): number => lines.push(line);
      return await environments.prepare(file, { requirements }, { name, onProgress, ...options });
    },
    names: () =>
      Array.from(Deno.readDirSync(root), (it) => it.name).filter((it) => !it.endsWith(".lock")),
    [Symbol.asyncDispose]: async () => {
      environments[Symbol.dispose]();
      await tiny[Symbol.asyncDispose]();
    },
  };
}

/** Runs Python code with what was prepared, and nothing else. */
async function run({ python, env }: PreparedPython, code: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(python, {
    args: ["-c", code],
    env: { ...env },
    clearEnv: true,
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
}

async function failure(promise: Promise<unknown>): Promise<SnakedenError> {
  const error = await promise.then(() => null, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `no SnakedenError: ${error}`);
  assert.equal(error.code, "environment_failed");
  return error;
}

Deno.test("PythonEnvironments.prepare() builds the environment of the metadata once, for all that want the same", async () => {
  await using it = await setting({ realVenv: true });
  using first = await it.prepare("a.py", ['dependencies = ["fine-pie>=1", "other"]']);
  assert.equal(first.source, "metadata");
  assert.equal(await run(first, "import fine_pie; print(fine_pie.VERSION)"), "1.0");
  assert.match(it.lines.at(-1) ?? "", /^Python environment ready in/);
  it.lines.length = 0;
  const same = ['requires-python = ">=3.9"', 'dependencies = ["Other", "fine_pie >= 1"]'];
  using second = await it.prepare("b.py", same);
  assert.equal(second.python, first.python);
  assert.deepEqual(it.lines, []);
  assert.match(it.names().join(), /^script-[0-9a-f]{16}$/);
  const code = "import snakeden, importlib.util as u; " +
    "print(snakeden.__name__, u.find_spec('msgspec'), u.find_spec('grpc'))";
  assert.equal(await run(second, code), "snakeden None None", "without its dependencies");
});

Deno.test("PythonEnvironments.prepare() takes the requirements of the folder, else the host's own Python", async () => {
  await using it = await setting();
  const requirements = await it.tiny.write("requirements.txt", "other # that one\n");
  using folder = await it.prepare("a.py", undefined, { requirements });
  assert.equal(folder.source, "requirements");
  assert.equal(await run(folder, "import other; print(other.VERSION)"), "3.0");
  using own = await it.prepare("b.py", ["dependencies = []"], { requirements });
  assert.equal(own.source, "metadata");
  assert.match(await run(own, "import other"), /No module named 'other'/);
  using host = await it.prepare("b.py", undefined);
  assert.equal(host.source, "host");
  assert.equal(host.python, await Deno.realPath(host.python));
  assert.equal(host.python, own.python);
});

Deno.test("PythonEnvironments.prepare() prefers the Python that the user has chosen", async () => {
  const dir = await Deno.makeTempDir({ prefix: "snakeden-shim-" });
  try {
    const shim = await writeScript(join(dir, "python"), 'exec /usr/bin/env python3 "$@"');
    await using it = await setting({ executable: shim, realVenv: true });
    using prepared = await it.prepare("a.py", undefined);
    assert.notEqual(prepared.python, shim, "the program itself, not the script before it");
    assert.match(await run(prepared, "print('runs')"), /runs/);
    await using broken = await setting({ executable: join(dir, "none"), realVenv: true });
    const { message } = await failure(broken.prepare("a.py", undefined));
    assert.match(message, /cannot use the Python \S+none: it is not there/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("PythonEnvironments.prepare() names the package that is missing, and leaves nothing", async () => {
  await using it = await setting();
  const { message, details } = await failure(
    it.prepare("a.py", ['dependencies = ["no-such-pie"]']),
  );
  assert.match(message, /^Cannot prepare the environment of a\.py: cannot install no-such-pie: /);
  assert.equal(details.file, "a.py");
  assert.deepEqual(it.names(), []);
});

Deno.test("PythonEnvironments.prepare() names the Python that is missing, and those there are", async () => {
  await using it = await setting();
  for (const dependencies of ["[]", '["other"]']) {
    const toml = ['requires-python = ">=4"', `dependencies = ${dependencies}`];
    const { message, details } = await failure(it.prepare("a.py", toml));
    assert.match(message, /cannot find a Python 3\.10 or later that is >=4/);
    assert.match(message, /is Python 3\.\d+\.\d+, which >=4 excludes/);
    assert.equal(details.requiresPython, ">=4");
  }
});

Deno.test("PythonEnvironments.prepare() builds one environment for two scripts at once, and goes on if one leaves", async () => {
  await using index = new StallingIndex();
  await using it = await setting({ env: { UV_FIND_LINKS: index.waits, PIP_FIND_LINKS: "" } });
  const links = join(it.tiny.dir, "wheels");
  const requirements = await it.tiny.write("r.txt", `--find-links ${links}\nother\n`);
  const leaver = new AbortController();
  const left = it.prepare("a.py", undefined, { requirements, signal: leaver.signal });
  const stays = it.prepare("b.py", undefined, { requirements });
  await until(() => it.lines.length > 0, "the build to begin");
  leaver.abort(new Error("left"));
  await assert.rejects(left, /left/);
  using prepared = await stays;
  assert.equal(await run(prepared, "import other; print(other.VERSION)"), "3.0");
  const creations = it.lines.filter((line) => line.startsWith("Creating environment"));
  assert.equal(creations.length, 1, it.lines.join("\n"));
});

Deno.test("PythonEnvironments.prepare() ends the installer when the last script has left, and can begin again", async () => {
  await using index = new StallingIndex();
  await using it = await setting();
  const links = await it.tiny.write("links.txt", `--find-links ${index.stalls}\nother\n`);
  const controller = new AbortController();
  const { signal } = controller;
  const both = [1, 2].map((n) => it.prepare(`${n}.py`, undefined, { requirements: links, signal }));
  await until(() => index.stalled > 0, "the installer to wait", { timeoutMs: 120_000 });
  controller.abort(new Error("cancelled"));
  for (const end of await Promise.allSettled(both)) {
    assert.match(end.status === "rejected" ? end.reason.message : "", /cancelled/);
  }
  assert.deepEqual(it.names(), []);
  await Deno.writeTextFile(links, "other\n");
  using again = await it.prepare("1.py", undefined, { requirements: links });
  assert.equal(await run(again, "import other; print(other.VERSION)"), "3.0");
});

Deno.test("PythonEnvironments.prepare() removes what no script has used for 14 days, and builds it again if need be", async () => {
  const DAY_MS = 24 * 60 * 60 * 1000;
  let nowMs = Date.now();
  await using it = await setting({ nowMs: () => nowMs });
  const toml = ['dependencies = ["other"]'];
  (await it.prepare("a.py", toml)).release();
  const [old = ""] = it.names();
  nowMs += 2 * DAY_MS;
  // Releases the first one, which then seems to be of long ago.
  (await it.prepare("c.py", undefined)).release();
  const usedSeconds = (Date.now() - 15 * DAY_MS) / 1000;
  const file = join(it.tiny.dataDir, "python", old, "in-use.lock");
  await Deno.utime(file, usedSeconds, usedSeconds);
  nowMs += 2 * DAY_MS;
  (await it.prepare("c.py", undefined)).release();
  await until(() => !it.names().includes(old), "the old environment to go");
  // Known, but removed by somebody else.
  (await it.prepare("a.py", toml)).release();
  await Deno.remove(join(it.tiny.dataDir, "python", old), { recursive: true });
  using again = await it.prepare("a.py", toml);
  assert.equal(await run(again, "import other; print(other.VERSION)"), "3.0");
});
