/** The example and the tasks, with real environments: the package index must be reachable. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython, ROOT } from "../../scripts/dev_python.ts";
import { HostProcess, isAlive, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { StallingIndex } from "../python_env/stalling_index.ts";

const EXAMPLE = join(ROOT, "examples/two_requirements");

async function ended(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using process = new HostProcess(args, { env });
  return await process.finished();
}

Deno.test("examples/two_requirements runs two versions of a package; setup and doctor show which pool uses which", async (t) => {
  await using dir = await tempDir();
  const env = { SNAKEDEN_DATA_DIR: dir.path, SNAKEDEN_CONFIG: join(dir.path, "config.json") };

  await t.step("the example", async () => {
    const args = ["task", "run", "examples/two_requirements/main.ts"];
    const { code, stdout, stderr } = await ended(args, { SNAKEDEN_DATA_DIR: dir.path });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^classic, packaging 21\.3: final, 1\.9, 1\.10$/m);
    assert.match(stdout, /^modern, packaging 24\.2: Invalid version: 'final'$/m);
    for (const pool of ["classic", "modern"]) {
      const ready = new RegExp(`^\\[${pool}\\] Python environment ready in .* MB installed`, "m");
      assert.match(stderr, ready);
    }
  });

  // The same requirements at another path.
  for (const name of ["classic.txt", "modern.txt"]) {
    await Deno.copyFile(join(EXAMPLE, name), join(dir.path, `copy of ${name}`));
  }
  const pool = (name: string, file: string): Record<string, unknown> => ({
    name,
    size: 1,
    adapter: "releases",
    modulePaths: [EXAMPLE],
    python: { requirements: [`copy of ${file}.txt`] },
  });

  await t.step("deno task setup", async () => {
    const pools = [pool("a", "classic"), pool("b", "modern"), pool("c", "classic")];
    await Deno.writeTextFile(env.SNAKEDEN_CONFIG, JSON.stringify({ pools }));
    const { code, stdout, stderr } = await ended(["task", "setup"], env);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /Creating environment/, "the same content is not built anew");
    assert.match(
      stdout,
      /^Python 3\.\d+\.\d+ for pools a, c: \/.*\n {2}\d+\.\d MB installed; built earlier in \d+\.\d s, with .* downloaded$/m,
    );
    assert.match(stdout, /^Python 3\.\d+\.\d+ for pool b: \//m);
    assert.doesNotMatch(stdout, /Kept/);
  });

  await t.step("deno task setup lists what is kept but not used", async () => {
    await Deno.writeTextFile(env.SNAKEDEN_CONFIG, JSON.stringify({}));
    const python = { SNAKEDEN_PYTHON: await devPython() };
    const { code, stdout, stderr } = await ended(["task", "setup"], { ...env, ...python });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /your own; nothing is installed into it/);
    assert.match(stdout, /^Kept, but not used by this configuration: 2 \(\d+\.\d MB\)/m);
    assert.match(stdout, /^ {2}\/.*: \d+\.\d MB, Python .*, requirements: .*modern\.txt$/m);
  });

  await t.step("deno task doctor looks at the Python of each pool", async () => {
    const other = { name: "other", python: { executable: "/no/python" } };
    const pools = [pool("a", "classic"), pool("b", "modern"), other];
    await Deno.writeTextFile(env.SNAKEDEN_CONFIG, JSON.stringify({ pools, port: 0 }));
    const { code, stdout, stderr } = await ended(["task", "doctor"], env);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /^ok +Python of a +3\./m);
    assert.match(stdout, /^ok +imports of b +grpc, /m);
    assert.match(stdout, /^ok +adapter of b +releases: installed, sort_versions$/m);
    assert.match(
      stdout,
      /^error +Python of other +.* cannot use the Python \/no\/python: no such/m,
    );
    assert.doesNotMatch(stdout, /adapter of other/);
  });
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`main.ts ended by ${signal} while environments are built leaves no installer running`, async () => {
    await using dir = await tempDir();
    await using index = new StallingIndex();
    const config = join(dir.path, "config.json");
    const dataDir = join(dir.path, "data");
    await Deno.writeTextFile(join(dir.path, "b.txt"), "extra\n");
    const pools = [
      { name: "a", python: { requirements: [] } },
      { name: "b", python: { requirements: ["b.txt"] } },
    ];
    await Deno.writeTextFile(config, JSON.stringify({ pools, dataDir, port: 0 }));
    await using server = new HostProcess(["run", "-A", "main.ts"], {
      env: {
        SNAKEDEN_CONFIG: config,
        SNAKEDEN_DATA_DIR: dataDir,
        HOME: dir.path,
        PIP_INDEX_URL: index.stalls,
        PIP_FIND_LINKS: "",
        UV_DEFAULT_INDEX: index.stalls,
        UV_CACHE_DIR: join(dir.path, "uv"),
        DENO_DIR: await denoDir(),
      },
    });
    await until(() => index.stalled >= 2 || server.ended, "both installers wait for the index", {
      timeoutMs: 60_000,
    });
    const installers = processesOf(dir.path).filter((it) => it !== server.pid);
    assert.ok(installers.length >= 2, server.stderr);
    assert.match(server.stderr, /^\[a\] Creating environment/m);
    assert.match(server.stderr, /^\[b\] Creating environment/m);
    server.kill(signal);
    const { code, stderr } = await server.finished();
    await until(() => !installers.some(isAlive), "all installers are gone");
    if (signal === "SIGKILL") return; // The next build removes what this one has left.
    assert.equal(code, 0, stderr);
    assert.deepEqual([...Deno.readDirSync(join(dataDir, "python"))], []);
  });
}

/** The processes whose HOME is `home`. */
function processesOf(home: string): number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${name}/environ`);
      if (text.split("\0").includes(`HOME=${home}`)) pids.push(Number(name));
    } catch {
      // It ended while this looked, or belongs to somebody else.
    }
  }
  return pids;
}

/** The cache of Deno, which does not follow the HOME of the test. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const info: { denoDir: string } = JSON.parse(new TextDecoder().decode(stdout));
  return info.denoDir;
}
