import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../src/errors.ts";
import {
  ensurePythons,
  listEnvironments,
  planPythons,
  type PoolChoice,
  type PoolPythons,
} from "../../src/python_env/mod.ts";
import { until } from "../fixtures/until.ts";
import { StallingIndex } from "./stalling_index.ts";
import { type TinySource, tinySource, withoutUv, writeScript } from "./tiny_source.ts";

interface Options {
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

function ensure(
  tiny: TinySource,
  choices: readonly PoolChoice[],
  options: Options = {},
): Promise<PoolPythons> {
  const { dataDir, source } = tiny;
  const env = { ...tiny.env, PATH: withoutUv(tiny.env.PATH ?? "") };
  return ensurePythons(choices, { dataDir, ...options }, { source, env });
}

async function poolsTogether(
  tiny: TinySource,
  choices: readonly PoolChoice[],
): Promise<(readonly string[])[]> {
  const plans = await planPythons(choices, tiny, tiny);
  return plans.map(({ pools }) => pools);
}

/** Everything in `<dataDir>/python`, locks too. */
function entries(tiny: TinySource): string[] {
  try {
    return Array.from(Deno.readDirSync(join(tiny.dataDir, "python")), (it) => it.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Processes that an installer, or one of its children, has left running. */
function installersOf(tiny: TinySource): string[] {
  const pids: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Deno.readTextFileSync(`/proc/${name}/environ`).includes(`HOME=${tiny.dir}\0`)) {
        pids.push(name);
      }
    } catch {
      // It ended while this looked, or belongs to somebody else.
    }
  }
  return pids;
}

async function failure(promise: Promise<unknown>): Promise<SnakedenError> {
  const error = await promise.then(() => null, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `no SnakedenError: ${error}`);
  assert.equal(error.code, "python_environment");
  return error;
}

async function versionOf(name: string, executable: string): Promise<string> {
  const args = ["-c", `import ${name}; print(${name}.VERSION)`];
  const { stdout } = await new Deno.Command(executable, { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("planPythons() gives pools with the same content one Python, regardless of where their files are", async () => {
  await using tiny = await tinySource();
  const a = await tiny.write("a/mine.txt", "-r more.txt\n-c pins.txt\n");
  await tiny.write("a/more.txt", "extra\n");
  await tiny.write("a/pins.txt", "extra<3\n");
  const b = await tiny.write("b/deep/again.txt", "# Mine.\n-r ../x.txt\n\n-c '../y y.txt'\n");
  await tiny.write("b/x.txt", "extra # at least\n");
  await tiny.write("b/y y.txt", "extra<3\n");
  const other = await tiny.write("c/mine.txt", "-r more.txt\n-c pins.txt\n");
  await tiny.write("c/more.txt", "extra\n");
  await tiny.write("c/pins.txt", "extra<2\n");
  const python = await writeScript(join(tiny.dir, "python3"), "exit 0");
  const env = { ...tiny.env, PATH: tiny.dir };
  const choices: PoolChoice[] = [
    { pool: "one", requirements: [a] },
    { pool: "bare" },
    { pool: "two", requirements: [b] },
    { pool: "three", requirements: [other] },
    { pool: "named", executable: "python3" },
    { pool: "path", executable: python },
    { pool: "empty", requirements: [] },
  ];
  const plans = await planPythons(choices, tiny, { ...tiny, env });
  assert.deepEqual(plans.map(({ pools }) => pools), [
    ["one", "two"],
    ["bare", "empty"],
    ["three"],
    ["named", "path"],
  ]);
});

Deno.test("ensurePythons() builds one environment for each content, side by side, and names the pools", async () => {
  await using tiny = await tinySource();
  await tiny.wheel("extra", "1.0");
  await tiny.wheel("extra", "2.0");
  // Each build waits until the other one has come as far.
  await using index = new StallingIndex(2);
  const page = (name: string): string => `--find-links ${index.meeting(name)}\n`;
  const old = await tiny.write("old.txt", `${page("old")}extra==1.0\n`);
  const current = await tiny.write("new/requirements.txt", `${page("new")}extra==2.0\n`);
  const copy = await tiny.write("copy/old.txt", `${page("old")}extra==1.0  # the same\n`);
  const lines: string[] = [];
  const choices: PoolChoice[] = [
    { pool: "classic", requirements: [old] },
    { pool: "modern", requirements: [current] },
    { pool: "sibling", requirements: [copy] },
  ];
  const onProgress = (line: string): number => lines.push(line);
  {
    using pythons = await ensure(tiny, choices, { onProgress });
    assert.deepEqual(pythons.list.map((it) => it.pools), [["classic", "sibling"], ["modern"]]);
    assert.equal(pythons.of("sibling"), pythons.of("classic"));
    assert.equal(await versionOf("extra", pythons.of("classic").executable), "1.0");
    assert.equal(await versionOf("extra", pythons.of("modern").executable), "2.0");
    assert.ok(pythons.of("modern").built);
    const { build } = pythons.of("modern").environment ?? {};
    assert.ok((build?.installedBytes ?? 0) > 0);
    assert.deepEqual(build?.requirements, [current]);
  }
  for (const pools of ["classic, sibling", "modern"]) {
    const its = lines.filter((it) => it.startsWith(`[${pools}] `));
    assert.match(
      its.at(-1) ?? "",
      /Python environment ready in .* MB installed$/,
      lines.join("\n"),
    );
  }
  assert.equal(entries(tiny).length, 2, "no lock and no half-built environment is left");

  lines.length = 0;
  using again = await ensure(tiny, choices, { onProgress });
  assert.deepEqual(again.list.map(({ python }) => python.built), [false, false]);
  assert.deepEqual(lines, [], "nothing is said when nothing is done");
});

Deno.test("ensurePythons() stops the other builds when one fails, and names its pool and the reason", async () => {
  await using tiny = await tinySource();
  await using index = new StallingIndex();
  const slow = await tiny.write("slow.txt", `--find-links ${index.stalls}\nextra\n`);
  const broken = await tiny.write("broken.txt", `--find-links ${index.waits}\nno-such-package\n`);
  const error = await failure(ensure(tiny, [
    { pool: "fine", requirements: [slow] },
    { pool: "broken", requirements: [broken] },
  ]));
  assert.match(
    error.message,
    /^Cannot prepare the Python of pool broken: cannot install .*broken\.txt: the package index /,
  );
  assert.match(error.message, /Last output:\n.*no-such-package/s);
  assert.deepEqual(error.details.pools, ["broken"]);
  assert.deepEqual(entries(tiny), []);
  await until(() => installersOf(tiny).length === 0, "all installers are gone");
});

Deno.test("ensurePythons() stops all builds when its signal aborts", async () => {
  await using tiny = await tinySource();
  await using index = new StallingIndex();
  const files = await Promise.all(
    [1, 2, 3].map((i) => tiny.write(`${i}.txt`, `--find-links ${index.stalls}\nextra<${i}\n`)),
  );
  const choices = files.map((file, i) => ({ pool: `pool-${i}`, requirements: [file] }));
  const controller = new AbortController();
  const building = ensure(tiny, choices, { signal: controller.signal });
  const ended = assert.rejects(building, /no longer wanted/);
  await until(() => index.stalled === 3, "all installers wait for the index", {
    timeoutMs: 60_000,
  });
  controller.abort(new Error("no longer wanted"));
  await ended;
  assert.deepEqual(entries(tiny), []);
  await until(() => installersOf(tiny).length === 0, "all installers are gone");
});

Deno.test("ensurePythons() builds each environment once when two hosts start at the same time", async () => {
  await using tiny = await tinySource();
  await tiny.wheel("extra", "1.0");
  const file = await tiny.write("mine.txt", "extra\n");
  const choices: PoolChoice[] = [{ pool: "a" }, { pool: "b", requirements: [file] }];
  const lines: string[] = [];
  const onProgress = (line: string): number => lines.push(line);
  const hosts = await Promise.all([
    ensure(tiny, choices, { onProgress }),
    ensure(tiny, choices, { onProgress }),
  ]);
  for (const pool of ["a", "b"]) {
    const pythons = hosts.map((it) => it.of(pool));
    assert.deepEqual(pythons.map((it) => it.built).sort(), [false, true], pool);
    assert.equal(pythons[0]?.executable, pythons[1]?.executable);
    const waiting = `[${pool}] Process ${Deno.pid} is building the Python environment in `;
    assert.ok(lines.some((it) => it.startsWith(waiting)), lines.join("\n"));
  }
  for (const host of hosts) host[Symbol.dispose]();
});

Deno.test("ensurePythons() names the pool whose own interpreter lacks modules", async () => {
  await using tiny = await tinySource();
  const bare = await realPython();
  const error = await failure(ensure(tiny, [
    { pool: "private" },
    { pool: "own", executable: bare },
  ]));
  assert.match(
    error.message,
    /^Cannot prepare the Python of pool own: cannot use the Python .*: these modules do not import:\n {2}- snakeden_tiny: .*\nInstall them with: \S+ -m pip install -r /s,
  );
  assert.deepEqual(entries(tiny), []);
});

Deno.test("ensurePythons() keeps no environment in use after a failure", async () => {
  await using tiny = await tinySource();
  (await ensure(tiny, [{ pool: "private" }]))[Symbol.dispose]();
  await failure(ensure(tiny, [{ pool: "private" }, { pool: "own", executable: "/no/python" }]));
  const [found] = await listEnvironments(join(tiny.dataDir, "python"));
  assert.equal(found?.inUse, false);
});

Deno.test("ensurePythons() names the pools whose requirements file is missing", async () => {
  await using tiny = await tinySource();
  const missing = join(tiny.dir, "nope.txt");
  const choices: PoolChoice[] = [
    { pool: "fine" },
    { pool: "a", requirements: [missing] },
    { pool: "b", requirements: [missing] },
  ];
  assert.deepEqual(await poolsTogether(tiny, choices), [["fine"], ["a", "b"]]);
  const error = await failure(ensure(tiny, choices));
  assert.match(
    error.message,
    /^Cannot prepare the Python of pools a, b: cannot prepare .*nope\.txt does not exist$/,
  );
  assert.deepEqual(entries(tiny), []);
});

async function realPython(): Promise<string> {
  const args = ["-c", "import sys; print(sys.executable)"];
  const { stdout } = await new Deno.Command("python3", { args }).output();
  return new TextDecoder().decode(stdout).trim();
}
