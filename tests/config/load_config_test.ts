import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig, type LoadConfigOptions } from "../../src/config/mod.ts";
import { InvalidInputError } from "../../src/errors.ts";

/** A folder with files that is gone at the end of the test. */
async function folder(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-test-" }));
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(path, name), text);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function envOf(variables: Readonly<Record<string, string>>): (name: string) => string | undefined {
  return (name) => variables[name];
}

/** The text of the refusal. */
async function refusal(options: LoadConfigOptions): Promise<InvalidInputError> {
  try {
    await loadConfig({ env: envOf({}), ...options });
  } catch (error) {
    assert.ok(error instanceof InvalidInputError, String(error));
    assert.equal(error.code, "config_invalid");
    return error;
  }
  throw new Error("it was taken");
}

Deno.test("loadConfig() works without a file", async () => {
  await using dir = await folder({});
  const config = await loadConfig({ cwd: dir.path, env: envOf({}) });
  assert.deepEqual(config.pools.map((it) => it.name), ["default"]);
  assert.deepEqual(config.pools[0]?.modulePaths, [dir.path]);
});

Deno.test("loadConfig() finds snakeden.config.ts and follows its imports", async () => {
  await using dir = await folder({
    "port.ts": "export const port: number = 8123;",
    "snakeden.config.ts": `import { port } from "./port.ts";
      export default { port, dataDir: "data", pools: [{ name: "texts", modulePaths: ["lib"] }] };`,
  });
  const config = await loadConfig({ cwd: dir.path, env: envOf({}) });
  assert.equal(config.port, 8123);
  assert.equal(config.dataDir, join(dir.path, "data"));
  assert.deepEqual(config.pools[0]?.modulePaths, [join(dir.path, "lib")]);
});

Deno.test("loadConfig() accepts a promise as default export", async () => {
  await using dir = await folder({
    "snakeden.config.ts": "export default Promise.resolve({ port: 8124 });",
  });
  assert.equal((await loadConfig({ cwd: dir.path, env: envOf({}) })).port, 8124);
});

Deno.test("loadConfig() takes the host tools of a module, and refuses what is no list of objects", async () => {
  await using dir = await folder({
    "snakeden.config.ts": "export default { hostTools: [{ name: 'double', run: (n) => 2 * n }] };",
  });
  const { hostTools } = await loadConfig({ cwd: dir.path, env: envOf({}) });
  assert.deepEqual(hostTools.map(({ name }) => name), ["double"]);
  for (const wrong of [7, [7], ["double"]]) {
    const error = await refusal({ cwd: dir.path, overrides: { hostTools: wrong as never } });
    assert.match(error.message, /hostTools.*allowed: a list of tools of `defineTool\(\)`/);
  }
});

Deno.test("loadConfig() finds snakeden.config.json, with or without a byte order mark", async () => {
  await using dir = await folder({ "snakeden.config.json": '\uFEFF{"port": 8125}' });
  assert.equal((await loadConfig({ cwd: dir.path, env: envOf({}) })).port, 8125);
});

Deno.test("loadConfig() lets the environment override the file, and the program both", async () => {
  await using dir = await folder({
    "c.json": JSON.stringify({ port: 1, host: "127.0.0.2", python: { requirements: ["r.txt"] } }),
  });
  const config = await loadConfig({
    cwd: dir.path,
    env: envOf({
      SNAKEDEN_CONFIG: "c.json",
      SNAKEDEN_PORT: "2",
      SNAKEDEN_HOST: "127.0.0.3",
      SNAKEDEN_PYTHON: "venv/bin/python",
      SNAKEDEN_DATA_DIR: "data",
      SNAKEDEN_LOG_LEVEL: "debug",
      SNAKEDEN_LOG_FORMAT: "json",
      SNAKEDEN_API_KEY: "",
    }),
    overrides: { port: 3 },
  });
  assert.equal(config.port, 3);
  assert.equal(config.host, "127.0.0.3");
  assert.equal(config.dataDir, join(dir.path, "data"));
  assert.equal(config.logLevel, "debug");
  assert.equal(config.logFormat, "json");
  assert.equal(config.apiKey, undefined);
  assert.deepEqual(config.python, {
    executable: join(dir.path, "venv/bin/python"),
    requirements: [join(dir.path, "r.txt")],
  });
});

Deno.test("loadConfig() overrides the Python at the top by SNAKEDEN_PYTHON, and not that of a pool", async () => {
  const pools = [
    { name: "a", python: { executable: "python3.12" } },
    { name: "b", python: { requirements: ["b.txt"] } },
    { name: "c" },
  ];
  await using dir = await folder({ "snakeden.config.json": JSON.stringify({ pools }) });
  const config = await loadConfig({ cwd: dir.path, env: envOf({ SNAKEDEN_PYTHON: "python3.13" }) });
  assert.equal(config.python.executable, "python3.13");
  assert.deepEqual(config.pools.map((it) => it.python), [
    { executable: "python3.12" },
    { requirements: [join(dir.path, "b.txt")] },
    undefined,
  ]);
});

Deno.test("loadConfig() reports the three mistakes of one file, with path and allowed values", async () => {
  await using dir = await folder({
    "snakeden.config.json": JSON.stringify({
      prot: 8000,
      limits: { maxDepth: -1 },
      pools: [{ name: "default", profile: "fast" }],
    }),
  });
  const error = await refusal({ cwd: dir.path });
  assert.deepEqual(error.issues, [
    { path: "limits.maxDepth", message: "given -1; allowed: a whole number from 1 to 1000" },
    { path: "pools[0].profile", message: 'given "fast"; allowed: process, thread' },
    { path: "prot", message: 'unknown key; did you mean "port"?' },
  ]);
  assert.match(error.message, /snakeden\.config\.json: 3 problems\n/);
});

Deno.test("loadConfig() names the variable that a wrong value came from", async () => {
  await using dir = await folder({});
  const env = envOf({ SNAKEDEN_PORT: "http", SNAKEDEN_LOG_LEVEL: "loud" });
  const error = await refusal({ cwd: dir.path, env });
  assert.deepEqual(error.issues.map((it) => `${it.path}: ${it.message.split(";")[0]}`), [
    'port: given "http" (from SNAKEDEN_PORT)',
    'logLevel: given "loud" (from SNAKEDEN_LOG_LEVEL)',
  ]);
});

const BROKEN: readonly [what: string, name: string, text: string, message: RegExp][] = [
  [
    "a syntax error",
    "a.ts",
    "export default {",
    /a\.ts.*cannot be loaded: .*SyntaxError.*a\.ts:1/s,
  ],
  ["a module that throws", "a.ts", 'throw new Error("no luck");', /cannot be loaded: no luck/],
  ["a missing import", "a.ts", 'import "./nope.ts";', /cannot be loaded: .*nope\.ts/s],
  ["no default export", "a.ts", "export const port = 1;", /it has no default export/],
  [
    "a default export that rejects",
    "a.ts",
    'export default Promise.reject(new Error("late"));',
    /late/,
  ],
  ["a function", "a.ts", "export default () => ({});", /it holds a function; allowed: an object/],
  ["host tools in JSON", "a.json", '{"hostTools": []}', /hostTools: given in a JSON file, which/],
  ["broken JSON", "a.json", '{\n  "port": 1,\n}', /not JSON: line 3, column 1: trailing comma/],
  ["a list", "a.json", "[]", /it holds a list; allowed: an object/],
  ["null", "a.json", "null", /it holds null/],
];

for (const [what, name, text, message] of BROKEN) {
  Deno.test(`loadConfig() says what is wrong with a file that is ${what}`, async () => {
    await using dir = await folder({ [name]: text });
    const error = await refusal({ cwd: dir.path, env: envOf({ SNAKEDEN_CONFIG: name }) });
    assert.match(error.message, message);
    assert.ok(error.message.includes(join(dir.path, name)));
  });
}

Deno.test("loadConfig() names the flag or variable that names a missing file", async () => {
  await using dir = await folder({});
  const byEnv = await refusal({ cwd: dir.path, env: envOf({ SNAKEDEN_CONFIG: "nope.ts" }) });
  assert.match(byEnv.message, /nope\.ts: .*SNAKEDEN_CONFIG names it, but there is no such file/s);
  const byFlag = await refusal({ cwd: dir.path, file: "." });
  assert.match(byFlag.message, /--config names it, but there is no such file/);
});

Deno.test("loadConfig() refuses to choose between two files", async () => {
  await using dir = await folder({
    "snakeden.config.ts": "export default {};",
    "snakeden.config.json": "{}",
  });
  assert.match((await refusal({ cwd: dir.path })).message, /keep one/);
});

Deno.test("loadConfig() reports a group that is not an object, although a variable sets a key in it", async () => {
  await using dir = await folder({ "snakeden.config.json": '{"python": "python3"}' });
  const error = await refusal({ cwd: dir.path, env: envOf({ SNAKEDEN_PYTHON: "python3" }) });
  assert.deepEqual(error.issues.map((it) => it.path), ["python"]);
});

Deno.test("loadConfig() takes the object in SNAKEDEN_CONFIG_JSON in place of a file", async () => {
  await using dir = await folder({
    "snakeden.config.json": '{"port": 1}',
    "named.json": '{"port": 2}',
  });
  const variables = { SNAKEDEN_CONFIG_JSON: '{"port": 8126, "dataDir": "data"}' };
  const given = { cwd: dir.path, env: envOf(variables) };
  const config = await loadConfig(given);
  assert.equal(config.port, 8126);
  assert.equal(config.dataDir, join(dir.path, "data"));
  assert.deepEqual(config.pools[0]?.modulePaths, [dir.path]);
  assert.equal((await loadConfig({ ...given, file: "named.json" })).port, 2);
  const port = envOf({ ...variables, SNAKEDEN_PORT: "8127" });
  assert.equal((await loadConfig({ ...given, env: port })).port, 8127);
});

Deno.test("loadConfig() refuses SNAKEDEN_CONFIG_JSON that is no JSON object", async () => {
  for (
    const [text, message] of [
      ["{", /SNAKEDEN_CONFIG_JSON.*it is not JSON/s],
      ["[]", /SNAKEDEN_CONFIG_JSON.*it holds a list; allowed: an object/s],
      ['{"prot": 1}', /SNAKEDEN_CONFIG_JSON.*prot/s],
    ] as const
  ) {
    const { message: given } = await refusal({ env: envOf({ SNAKEDEN_CONFIG_JSON: text }) });
    assert.match(given, message);
  }
});
