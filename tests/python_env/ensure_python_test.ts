import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SnakedenError } from "../../src/errors.ts";
import { ensurePython, type EnsurePythonOptions } from "../../src/python_env/ensure_python.ts";
import type { PythonEnvironment } from "../../src/python_env/python_environment.ts";
import { type TinySource, tinySource, writeScript } from "./tiny_source.ts";
import { isAlive } from "../fixtures/host.ts";
import { until, untilText } from "../fixtures/until.ts";

function ensure(
  tiny: TinySource,
  options: Partial<EnsurePythonOptions> = {},
): Promise<PythonEnvironment> {
  return ensurePython({ dataDir: tiny.dataDir, ...options }, {
    source: tiny.source,
    env: tiny.env,
  });
}

function environments(tiny: TinySource): string[] {
  return Array.from(Deno.readDirSync(join(tiny.dataDir, "python")), (it) => it.name)
    .filter((it) => !it.endsWith(".lock")).sort();
}

async function failure(promise: Promise<unknown>): Promise<SnakedenError> {
  const error = await promise.then(() => null, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `no SnakedenError: ${error}`);
  assert.equal(error.code, "python_environment");
  return error;
}

async function tinyVersion(executable: string): Promise<string> {
  const code = "import importlib.metadata as m; print(m.version('snakeden-tiny'))";
  const { stdout } = await new Deno.Command(executable, { args: ["-c", code] }).output();
  return new TextDecoder().decode(stdout).trim();
}

function child(
  tiny: TinySource,
  permissions: string[],
  env: Record<string, string> = tiny.env,
  cwd = tiny.dir,
): Deno.Command {
  const script = fileURLToPath(new URL("ensure_child.ts", import.meta.url));
  const options = [{ dataDir: tiny.dataDir }, { source: tiny.source, env }];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-check",
      ...permissions,
      script,
      JSON.stringify(options),
    ],
    cwd,
    stdout: "piped",
    stderr: "piped",
  });
}

Deno.test("ensurePython() builds once, then confirms without running any process", async () => {
  await using tiny = await tinySource({ realVenv: true });
  const lines: string[] = [];
  using built = await ensure(tiny, { onProgress: (line) => lines.push(line) });
  assert.equal(built.built, true);
  assert.equal(await tinyVersion(built.executable), "1.0");
  assert.match(lines[0] ?? "", /^Python 3\.\d+\.\d+ at \//);
  assert.match(lines[1] ?? "", /^Creating environment with /);
  assert.ok(lines.some((it) => /^Install(ing|ed) snakeden-tiny/.test(it)), lines.join("\n"));
  assert.match(lines.at(-1) ?? "", /ready in \d+\.\d s: (under )?\d+\.\d MB installed$/);
  assert.match(environments(tiny).join(), /^[0-9a-f]{16}$/);

  // No permission to run anything: it needs none.
  const { stdout, stderr } = await child(tiny, ["--allow-read", "--allow-write"]).output();
  const answer = new TextDecoder().decode(stdout);
  assert.notEqual(answer, "", new TextDecoder().decode(stderr));
  assert.deepEqual(JSON.parse(answer), { executable: built.executable, built: false });
  assert.equal(new TextDecoder().decode(stderr), "", "nothing is said when nothing is done");
});

Deno.test("ensurePython() imports nothing from the folder in which the host runs", async () => {
  await using tiny = await tinySource({ realVenv: true });
  const cwd = join(tiny.dir, "project");
  await Deno.mkdir(cwd);
  const names = ["pip", "venv", "ensurepip", "types", "queue", "signal", "subprocess", "importlib"];
  for (const name of [...names, "json", "threading", "den", "snakeden_tiny", "sitecustomize"]) {
    await Deno.writeTextFile(join(cwd, `${name}.py`), `raise ImportError("imported ${name}")\n`);
  }
  const { code, stderr } = await child(tiny, ["-A"], tiny.env, cwd).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});

Deno.test("ensurePython() shows edits of the package without another build", async () => {
  await using tiny = await tinySource();
  using python = await ensure(tiny);
  await Deno.writeTextFile(
    join(tiny.source.packagePath, "den", "__init__.py"),
    "print('edited')\n",
  );
  const { stdout } = await new Deno.Command(python.executable, { args: ["-c", "import den"] })
    .output();
  assert.equal(new TextDecoder().decode(stdout), "edited\n");
});

Deno.test("ensurePython() keeps the environments of programs that take turns on a data directory", async () => {
  await using tiny = await tinySource();
  const mine = join(tiny.dir, "mine.txt");
  await Deno.writeTextFile(mine, "snakeden-tiny\n");
  const turns: boolean[] = [];
  for (const requirements of [[], [mine], [], [mine]]) {
    using python = await ensure(tiny, { requirements });
    turns.push(python.built);
  }
  assert.deepEqual(turns, [true, true, false, false]);
});

Deno.test("ensurePython() rebuilds when the lock changes, and leaves the one in use alone", async () => {
  await using tiny = await tinySource();
  using first = await ensure(tiny);
  await tiny.lock("2.0");
  using second = await ensure(tiny);
  assert.equal(second.built, true);
  assert.equal(await tinyVersion(second.executable), "2.0");
  assert.equal(await tinyVersion(first.executable), "1.0");
});

Deno.test("ensurePython() builds once when two start at the same time", async () => {
  await using tiny = await tinySource();
  const lines: string[] = [];
  const onProgress = (line: string): number => lines.push(line);
  const pythons = await Promise.all([ensure(tiny, { onProgress }), ensure(tiny, { onProgress })]);
  for (const python of pythons) python.release();
  assert.deepEqual(pythons.map((it) => it.built).sort(), [false, true]);
  assert.equal(pythons[0]?.executable, pythons[1]?.executable);
  assert.ok(lines.some((it) => it.startsWith(`Process ${Deno.pid} is building`)), lines.join("\n"));
});

Deno.test("ensurePython() never uses the files of a killed build, and leaves no installer running", async () => {
  await using tiny = await tinySource();
  const bin = join(tiny.dir, "bin");
  const started = join(tiny.dir, "started");
  const real = new TextDecoder().decode(
    (await new Deno.Command("python3", { args: ["-c", "import sys; print(sys.executable)"] })
      .output())
      .stdout,
  ).trim();
  await Deno.mkdir(bin);
  // Answers the probe as a good Python, and hangs half way through `python -m venv`.
  await writeScript(
    join(bin, "python3"),
    `case "$*" in
      *SNAKEDEN*) printf 'SNAKEDEN\\t3\\t11\\t7\\tcpython\\tTrue\\t${bin}/python3\\t${bin}/python3\\n' ;;
      "-I -X utf8 -m venv"*) mkdir -p "$6/bin"; echo half > "$6/bin/python"; echo $$ > ${started}; exec sleep 300 ;;
      *) exec ${real} "$@" ;;
    esac`,
  );
  const builder = child(tiny, ["-A"], { ...tiny.env, PATH: `${bin}:/usr/bin:/bin` }).spawn();
  const installer = Number(await untilText(started));
  assert.match(environments(tiny).join(), /^building-/);
  builder.kill("SIGKILL");
  await Promise.all([builder.stdout.cancel(), builder.stderr.cancel(), builder.status]);
  await until(() => !isAlive(installer), "it is dead");

  using python = await ensure(tiny);
  assert.equal(python.built, true);
  assert.equal(await tinyVersion(python.executable), "1.0");
  assert.match(environments(tiny).join(), /^[0-9a-f]{16}$/, "the leftovers are gone");
});

Deno.test("ensurePython() stops and cleans up when its signal aborts", async () => {
  await using tiny = await tinySource({ realVenv: true });
  const controller = new AbortController();
  const onProgress = (line: string): void => {
    if (line.startsWith("Creating")) controller.abort(new Error("no longer wanted"));
  };
  await assert.rejects(ensure(tiny, { onProgress, signal: controller.signal }), /no longer wanted/);
  assert.deepEqual(environments(tiny), []);
});

Deno.test("ensurePython() installs the user's requirements beside the locked ones", async () => {
  await using tiny = await tinySource();
  const mine = join(tiny.dir, "mine.txt");
  await Deno.writeTextFile(mine, "snakeden-tiny>=1\n");
  using python = await ensure(tiny, { requirements: [mine] });
  assert.equal(await tinyVersion(python.executable), "1.0");
  await tiny.lock("2.0");
  await tiny.lock("1.0");
  await Deno.writeTextFile(mine, "snakeden-tiny>=2\n");
  const error = await failure(ensure(tiny, { requirements: [mine] }));
  assert.match(error.message, /Cannot install .*mine\.txt: the requirements contradict each other/);
  assert.match(error.message, /Snakeden itself needs snakeden-tiny==1\.0, so no other version/);
});

Deno.test("ensurePython() installs requirements of a file with a quoted name and a variable", async () => {
  await using tiny = await tinySource();
  await Deno.mkdir(join(tiny.dir, "sub dir"));
  const mine = join(tiny.dir, "mine.txt");
  await Deno.writeTextFile(mine, '-r "sub dir/more.txt"\n');
  const more = join(tiny.dir, "sub dir/more.txt");
  await Deno.writeTextFile(more, "--find-links ${WHEELS}\nsnakeden-tiny\n");
  const env = { ...tiny.env, WHEELS: join(tiny.dir, "wheels") };
  const options = { dataDir: tiny.dataDir, requirements: [mine] };
  const deps = { source: tiny.source, env };
  using python = await ensurePython(options, deps);
  assert.equal(await tinyVersion(python.executable), "1.0");
  using again = await ensurePython(options, deps);
  assert.equal(again.built, false);
});

Deno.test("ensurePython() reports a broken package file, and leaves nothing behind", async () => {
  await using tiny = await tinySource({ corrupt: true });
  const error = await failure(ensure(tiny));
  assert.match(error.message, /Cannot install the locked dependencies: a package file is broken/);
  assert.deepEqual(environments(tiny), []);
});

Deno.test("ensurePython() names the module that does not import after a good installation", async () => {
  await using tiny = await tinySource({ code: "raise ImportError('libfoo.so.1: cannot open')" });
  const error = await failure(ensure(tiny));
  assert.match(error.message, /import snakeden_tiny: ImportError: libfoo\.so\.1: cannot open/);
  assert.deepEqual(environments(tiny), []);
});

Deno.test("ensurePython() refuses a package whose hash differs", async () => {
  await using tiny = await tinySource();
  const text = await Deno.readTextFile(tiny.source.requirements);
  await Deno.writeTextFile(
    tiny.source.requirements,
    text.replace(/sha256:\w{8}/, "sha256:00000000"),
  );
  assert.match((await failure(ensure(tiny))).message, /not the one that was locked/);
});

Deno.test("ensurePython() reports that the package index cannot be reached", async () => {
  await using tiny = await tinySource();
  // A port that was free a moment ago and that nobody listens on.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const url = `http://127.0.0.1:${port}/simple`;
  const env = {
    PATH: tiny.env.PATH ?? "",
    HOME: tiny.dir,
    PIP_INDEX_URL: url,
    PIP_RETRIES: "0",
    UV_INDEX_URL: url,
    UV_HTTP_RETRIES: "0",
  };
  const error = await failure(
    ensurePython({ dataDir: tiny.dataDir }, { source: tiny.source, env }),
  );
  assert.match(error.message, /the package index could not be reached/);
  assert.match(error.message, /Last output:/);
});

Deno.test("ensurePython() lists the names it searched for when there is no Python", async () => {
  await using tiny = await tinySource();
  const env = { ...tiny.env, PATH: join(tiny.dir, "wheels") };
  const error = await failure(
    ensurePython({ dataDir: tiny.dataDir }, { source: tiny.source, env }),
  );
  assert.match(error.message, /not on PATH: python3, /);
  assert.deepEqual(environments(tiny), []);
});

Deno.test("ensurePython() names a data directory that cannot be written", async () => {
  await using tiny = await tinySource();
  await Deno.writeTextFile(tiny.dataDir, "a file stands in the way");
  const error = await failure(ensure(tiny));
  assert.ok(error.message.includes(join(tiny.dataDir, "python")), error.message);
  await Deno.remove(tiny.dataDir);
  const { stderr } = await child(tiny, ["--allow-read", "--allow-run"]).output();
  assert.match(new TextDecoder().decode(stderr), /started without permission.*SNAKEDEN_DATA_DIR/s);
});

Deno.test("ensurePython() uses the user's own Python when everything imports, and builds nothing", async () => {
  await using tiny = await tinySource();
  const source = { ...tiny.source, modules: ["json", "den"] };
  using python = await ensurePython({ dataDir: tiny.dataDir, executable: "python3" }, {
    source,
    env: tiny.env,
  });
  assert.match(python.version, /^3\./);
  assert.equal(python.built, false);
  await assert.rejects(Deno.stat(tiny.dataDir), Deno.errors.NotFound);
});

Deno.test("ensurePython() names the modules that the user's own Python lacks, and how to install them", async () => {
  await using tiny = await tinySource();
  const error = await failure(ensure(tiny, { executable: "python3" }));
  assert.match(error.message, /- snakeden_tiny: ModuleNotFoundError/);
  assert.ok(!error.message.includes("- den:"), "the package itself comes from the checkout");
  assert.match(error.message, new RegExp(`-m pip install -r ${tiny.source.requirements}`));
});

Deno.test("ensurePython() refuses the user's own Python if it is missing, too old or not a Python", async () => {
  await using tiny = await tinySource();
  const old = await writeScript(join(tiny.dir, "old"), "echo Python 3.8.1");
  const none = await writeScript(join(tiny.dir, "none"), "exit 2");
  for (
    const [executable, reason] of [
      ["/no/python", /Cannot use the Python \/no\/python: no such program/],
      ["no-such-python", /not on PATH/],
      [old, /it is Python 3\.8\.1, older than 3\.10/],
      [none, /it exited with 2/],
    ] as const
  ) assert.match((await failure(ensure(tiny, { executable }))).message, reason);
});
