/**
 * Tests what the start of a worker takes from the host's folder and environment, and what a tool
 * sees.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Snakeden } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { packagePath } from "../../src/python_env/mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";

/**
 * Names of modules, of the standard library and of our dependencies, that a file of a project may
 * have.
 */
const NAMES = [
  ...["argparse", "asyncio", "collections", "copyreg", "ctypes", "enum", "fcntl", "functools"],
  ...["importlib", "inspect", "io", "logging", "multiprocessing", "pickle", "platform", "queue"],
  ...["re", "runpy", "secrets", "select", "selectors", "signal", "site", "sitecustomize", "socket"],
  ...["struct", "subprocess", "tempfile", "threading", "traceback", "types", "typing", "uuid"],
  ...["usercustomize", "warnings", "weakref", "google", "grpc", "msgspec", "psutil", "snakeden"],
];

/**
 * Makes a folder with files and packages of all those names. Each ends the process that imports it.
 */
async function trap(path: string): Promise<void> {
  for (const [i, name] of NAMES.entries()) {
    const file = i % 2 === 0 ? `${name}.py` : join(name, "__init__.py");
    await Deno.mkdir(join(path, i % 2 === 0 ? "." : name), { recursive: true });
    await Deno.writeTextFile(
      join(path, file),
      `raise ImportError("the trap ${name} was imported")\n`,
    );
  }
  await Deno.copyFile(join(ADAPTERS, "sees_its_process.py"), join(path, "sees_its_process.py"));
}

async function withDen<T>(
  pool: Parameters<typeof startDen>[0],
  use: (den: Snakeden) => Promise<T>,
): Promise<T> {
  await using den = await startDen({ adapter: "sees_its_process", size: 1, ...pool });
  await den.health.awaitReady({ timeoutMs: 60_000 });
  return await use(den);
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Snakeden serves in a folder with files named like modules (${carrier})`, async () => {
    await using dir = await tempDir();
    await trap(dir.path);
    // The default of modulePaths includes this folder.
    const pools = [{ name: "default", size: 1, adapter: "sees_its_process", carrier }];
    await Deno.writeTextFile(join(dir.path, "snakeden.config.json"), JSON.stringify({ pools }));
    const dataDir = join(dir.path, "data");
    await using server = await ServerProcess.start({ dataDir, cwd: dir.path });
    const call = async (tool: string, args: unknown = {}): Promise<unknown> => {
      const response = await fetch(`${server.url}/v1/execute`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ tool, args }),
      });
      const { result, ...problem } = await response.json();
      assert.equal(response.status, 200, JSON.stringify(problem));
      return result;
    };
    assert.equal(await call("model"), "small");
    assert.deepEqual(await call("threaded"), [2, 4, 6]);
    if (await knowsSafePath()) {
      for (const start_method of ["spawn", "forkserver"]) {
        assert.deepEqual(await call("pooled", { start_method }), [2, 4, 6], start_method);
      }
    }
  });
}

Deno.test("Snakeden.execute() shows a tool the command line of a program without arguments", async () => {
  await withDen({}, async (den) => {
    assert.equal(await den.execute("model"), "small");
    const [argv, origArgv] = await den.execute("arguments") as [string[], string[]];
    assert.deepEqual(argv, [join(packagePath(), "snakeden", "worker.py")]);
    assert.doesNotMatch(origArgv.join(" "), /sock|default-1/);
    assert.deepEqual(await den.execute("private_variables"), [
      "SNAKEDEN_INCARNATION",
      "SNAKEDEN_RUN_ID",
      "SNAKEDEN_WORKER_ID",
    ]);
  });
});

for (const start_method of ["fork", "spawn", "forkserver"]) {
  Deno.test(`Snakeden.execute() of a tool with a pool of processes works with ${start_method}`, async () => {
    await withDen({}, async (den) => {
      assert.deepEqual(await den.execute("pooled", { start_method }), [2, 4, 6]);
      assert.equal(await den.execute("model"), "small");
    });
  });
}

Deno.test("Snakeden.start() with PYTHONPATH in env and your own Python finds both", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "only_there.py"), "");
  // Neither breaks the worker: the standard library and the package go first.
  await Deno.writeTextFile(join(dir.path, "queue.py"), "raise ImportError('a trap')\n");
  await Deno.mkdir(join(dir.path, "snakeden"));
  await Deno.writeTextFile(join(dir.path, "snakeden/__init__.py"), "raise ImportError('a trap')\n");
  await withDen({ env: { PYTHONPATH: dir.path } }, async (den) => {
    const code = "import only_there, snakeden; print(snakeden.__version__)";
    assert.match(await den.execute("in_another_python", { code }) as string, /^\d+\.\d+/);
    const path = await den.execute("search_path") as string[];
    const places = [packagePath(), ADAPTERS, dir.path].map((it) => path.indexOf(it));
    assert.equal(places[0], 0);
    assert.deepEqual(places, places.toSorted((a, b) => a - b), path.join(" "));
    const library = path.findIndex((it) => it.endsWith("lib-dynload"));
    assert.ok(library < path.indexOf(ADAPTERS), path.join(" "));
  });
});

for (
  const env of [
    { PYTHONSAFEPATH: "1" },
    { PYTHONOPTIMIZE: "2" },
    { PYTHONWARNINGS: "error" },
    { PYTHONDEVMODE: "1" },
    { PYTHONIOENCODING: "ascii" },
    { PYTHONINSPECT: "1" },
    { PYTHONNOUSERSITE: "" },
    { PYTHONPATH: ":" },
  ]
) {
  Deno.test(`Snakeden.start() serves with ${JSON.stringify(env)} in the pool's env`, async () => {
    await withDen({ env }, async (den) => {
      assert.equal(await den.execute("model"), "small");
    });
  });
}

Deno.test("Snakeden.start() serves an adapter named like a module of the standard library", async () => {
  await using dir = await tempDir();
  const code = "from snakeden import tool\n@tool\ndef mine() -> str:\n    return __file__\n";
  for (const adapter of ["test", "statistics"]) {
    await Deno.writeTextFile(join(dir.path, `${adapter}.py`), code);
    await withDen({ adapter, modulePaths: [dir.path] }, async (den) => {
      assert.equal(await den.execute("mine"), join(dir.path, `${adapter}.py`));
    });
  }
});

Deno.test("Snakeden.start() says to rename an adapter whose name the worker itself uses", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "queue.py"), "");
  await using den = await startDen({ adapter: "queue", modulePaths: [dir.path], size: 1 });
  assert.match(
    den.pools.list()[0]?.reason ?? "",
    new RegExp(`uses another module of that name; rename ${dir.path}/queue\\.py`),
  );
});

Deno.test("Snakeden.start() names the file that an adapter did not import because of its name", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "queue.py"), "JOBS = []\n");
  await Deno.writeTextFile(join(dir.path, "wants.py"), "from queue import JOBS\n");
  await using den = await startDen({ adapter: "wants", modulePaths: [dir.path], size: 1 });
  assert.match(
    den.pools.list()[0]?.reason ?? "",
    new RegExp(`standard library has modules of the same name as ${dir.path}/queue\\.py`),
  );
});

async function knowsSafePath(): Promise<boolean> {
  const args = ["-c", "import sys; sys.exit(sys.version_info < (3, 11))"];
  return (await new Deno.Command(await devPython(), { args }).output()).success;
}

Deno.test("A worker gives its libraries the threads of its pool", async () => {
  const names = ["OMP_NUM_THREADS", "POLARS_MAX_THREADS", "TOKENIZERS_PARALLELISM"];
  const cores = navigator.hardwareConcurrency;
  const count = 'import numpy, os; print(len(os.listdir("/proc/self/task")))';
  for (
    const { libraryThreads, size, threads } of [
      { size: 1, threads: 1 },
      { libraryThreads: 2, size: 1, threads: 2 },
      { libraryThreads: "auto", size: 1, threads: cores },
      { libraryThreads: "auto", size: 2, threads: Math.max(1, Math.floor(cores / 2)) },
    ] as const
  ) {
    const setting = libraryThreads === undefined ? {} : { libraryThreads };
    await withDen({ ...setting, size }, async (den) => {
      assert.deepEqual(await den.execute("variables", { names }), {
        OMP_NUM_THREADS: String(threads),
        POLARS_MAX_THREADS: String(threads),
        TOKENIZERS_PARALLELISM: String(threads > 1),
      });
      if (Deno.build.os !== "linux") return;
      // OpenBLAS starts its threads when it is loaded, and no more than there are cores.
      const started = Number(await den.execute("in_another_python", { code: count }));
      assert.equal(started, Math.min(threads, cores));
    });
  }
});
