import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type ConfigInput,
  defaultedKeysOf,
  loadConfig,
  loadProgramConfig,
  rereadConfig,
} from "../../src/config/mod.ts";
import { programFolders } from "../../src/config/program_folders.ts";

interface Folder extends AsyncDisposable {
  readonly path: string;
}

/** A folder with files that is gone at the end of the test. */
async function folder(files: Readonly<Record<string, unknown>>): Promise<Folder> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-test-" }));
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    await Deno.writeTextFile(join(path, name), text, { mode: 0o600 });
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function envOf(variables: Readonly<Record<string, string>>): (name: string) => string | undefined {
  return (name) => variables[name];
}

Deno.test("loadProgramConfig() reads no file in the working directory", async () => {
  await using dir = await folder({ "snakeden.config.json": { port: 1, pools: "broken" } });
  const { config } = await loadProgramConfig({}, { cwd: dir.path, env: envOf({}) });
  assert.equal(config.port, 8000);
});

Deno.test("loadProgramConfig() lets SNAKEDEN_CONFIG override the defaults, the environment that file, and the program all", async () => {
  await using dir = await folder({
    "c.json": { port: 1, drainMs: 1, python: { requirements: ["r.txt"] }, limits: { maxDepth: 9 } },
  });
  const input: ConfigInput = { drainMs: 3, python: { executable: undefined } };
  const { config } = await loadProgramConfig(input, {
    cwd: dir.path,
    env: envOf({
      SNAKEDEN_CONFIG: "c.json",
      SNAKEDEN_PORT: "2",
      SNAKEDEN_PYTHON: "venv/bin/python",
      SNAKEDEN_DATA_DIR: "data",
    }),
  });
  assert.equal(config.limits.maxDepth, 9);
  assert.equal(config.port, 2);
  assert.equal(config.drainMs, 3);
  assert.equal(config.dataDir, join(dir.path, "data"));
  assert.deepEqual(config.python, {
    executable: join(dir.path, "venv/bin/python"),
    requirements: [join(dir.path, "r.txt")],
  });
});

Deno.test("loadProgramConfig() names the variable that is wrong", async () => {
  await assert.rejects(
    loadProgramConfig({}, { env: envOf({ SNAKEDEN_LOG_LEVEL: "loud" }) }),
    /logLevel: given "loud" \(from SNAKEDEN_LOG_LEVEL\); allowed: debug, info, warning, error/,
  );
});

Deno.test("loadProgramConfig() takes the key of the program, whatever the environment has", async () => {
  await using dir = await folder({ "key": "0123456789abcdef-file" });
  const env = envOf({ SNAKEDEN_API_KEY_FILE: join(dir.path, "key") });
  const { config } = await loadProgramConfig({ apiKey: "0123456789abcdef-here" }, { env });
  assert.equal(config.apiKey, "0123456789abcdef-here");
  const other = envOf({ SNAKEDEN_API_KEY: "0123456789abcdef-variable" });
  const options = { cwd: dir.path, env: other };
  const fromFile = await loadProgramConfig({ apiKeyFile: "key" }, options);
  assert.equal(fromFile.config.apiKey, "0123456789abcdef-file");
});

Deno.test("loadProgramConfig() reads no source again for what loadConfig() has returned, also when spread", async () => {
  await using dir = await folder({
    "server.json": { port: 1 },
    "other.json": { port: 2, python: { executable: "/other/python" } },
  });
  const loaded = await loadConfig({ file: "server.json", cwd: dir.path, env: envOf({}) });
  const env = envOf({ SNAKEDEN_CONFIG: join(dir.path, "other.json"), SNAKEDEN_PYTHON: "/python" });
  for (const input of [loaded, { ...loaded, drainMs: 7 }]) {
    const { config } = await loadProgramConfig(input, { env });
    assert.equal(config.port, 1);
    assert.equal(config.python.executable, undefined);
    assert.deepEqual(config.pools, loaded.pools);
  }
});

Deno.test("rereadConfig() keeps what the program has put over a loaded configuration, however often it is read anew", async () => {
  const contents = (drainMs: number): string =>
    JSON.stringify({ drainMs, pools: [{ name: "file" }] });
  await using dir = await folder({ "c.json": contents(1) });
  const file = join(dir.path, "c.json");
  const hostTools = [{ name: "own", run: () => 1 }];
  for (const pools of [undefined, [{ name: "program" }]]) {
    await Deno.writeTextFile(file, contents(1));
    const loaded = await loadConfig({ file, env: envOf({}) });
    const { config } = await loadProgramConfig({
      ...loaded,
      sessions: { ...loaded.sessions, ttlMs: 1234 },
      hostTools,
      ...(pools === undefined ? {} : { pools }),
    });
    const [name = ""] = config.pools.map((it) => it.name);
    let now = config;
    for (const drainMs of [2, 3, 4]) {
      await Deno.writeTextFile(file, contents(drainMs));
      now = await rereadConfig(now);
      assert.equal(now.drainMs, drainMs);
      assert.equal(now.sessions.ttlMs, 1234);
      assert.deepEqual(now.hostTools.map((it) => it.name), ["own"]);
      assert.deepEqual(now.pools.map((it) => it.name), [name]);
      assert.deepEqual(defaultedKeysOf(now, name), defaultedKeysOf(config, name));
    }
  }
});

Deno.test("loadProgramConfig() tells the level of the log that somebody has named from the default", async () => {
  await using dir = await folder({ "c.json": { logFormat: "json" } });
  const loggingOf = async (
    input: ConfigInput,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<unknown> =>
    (await loadProgramConfig(input, { cwd: dir.path, env: envOf(variables) })).logging;
  assert.deepEqual(await loggingOf({}), {});
  assert.deepEqual(await loggingOf({ logLevel: "info" }), { level: "info" });
  assert.deepEqual(await loggingOf({}, { SNAKEDEN_LOG_LEVEL: "debug" }), { level: "debug" });
  assert.deepEqual(await loggingOf({}, { SNAKEDEN_CONFIG: "c.json" }), { format: "json" });
  const silent = await loadConfig({ cwd: dir.path, env: envOf({}) });
  assert.deepEqual(await loggingOf(silent), {});
  assert.deepEqual(await loggingOf({ ...silent, logLevel: "error" }), { level: "error" });
});

Deno.test("loadProgramConfig() looks for the adapters of the program beside it, then in the working directory", async () => {
  await using dir = await folder({ "c.json": { pools: [{ name: "of_the_file" }] } });
  const modulePaths = async (input: ConfigInput, env = envOf({})): Promise<unknown> =>
    (await loadProgramConfig(input, { cwd: dir.path, env })).config.pools[0]?.modulePaths;
  const beside = programFolders(dir.path);
  assert.equal(beside.at(-1), dir.path);
  assert.deepEqual(await modulePaths({}), beside);
  assert.deepEqual(await modulePaths({ pools: [{ name: "mine" }] }), beside);
  assert.deepEqual(await modulePaths({ pools: [{ name: "mine", modulePaths: ["lib"] }] }), [
    join(dir.path, "lib"),
  ]);
  const env = envOf({ SNAKEDEN_CONFIG: "c.json" });
  assert.deepEqual(await modulePaths({}, env), [dir.path]);
  assert.deepEqual(await modulePaths({ pools: [{ name: "mine" }] }, env), beside);
});

Deno.test("programFolders() lists the folder of the main module and the working directory, each once", () => {
  assert.deepEqual(programFolders("/srv", "file:///srv/my%20app/main.ts"), ["/srv/my app", "/srv"]);
  assert.deepEqual(programFolders("/srv", "file:///srv/main.ts"), ["/srv"]);
  assert.deepEqual(programFolders("/srv", "https://example.com/main.ts"), ["/srv"]);
});
