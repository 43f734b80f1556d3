import assert from "node:assert/strict";
import { join } from "node:path";
import { loadConfig, parseConfig } from "../../src/config/mod.ts";
import { HostProcess, ROOT, SERVE, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const KEY = "0123456789abcdef-key";
const NOBODY = 65_534;

/** Loads a configuration in an empty folder, with a key file in it. */
async function load(
  { text = `${KEY}\n`, mode = 0o600, env = {}, overrides = {}, owner, onApiKeyFile }: {
    text?: string;
    mode?: number;
    env?: Record<string, string>;
    overrides?: Parameters<typeof parseConfig>[0];
    owner?: number;
    onApiKeyFile?: (path: string) => void;
  },
): Promise<ReturnType<typeof parseConfig>> {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await Deno.writeTextFile(path, text);
  await Deno.chmod(path, mode);
  if (owner !== undefined) await Deno.chown(path, owner, owner);
  const variables: Record<string, string> = { SNAKEDEN_API_KEY_FILE: "key", ...env };
  return await loadConfig({
    cwd: dir.path,
    env: (name) => variables[name],
    overrides,
    ...(onApiKeyFile === undefined ? {} : { onApiKeyFile }),
  });
}

for (const text of [KEY, `${KEY}\n`, `${KEY}\r\n`, `\uFEFF${KEY}\r\n`]) {
  Deno.test(`loadConfig() reads the API key from the file in SNAKEDEN_API_KEY_FILE: ${JSON.stringify(text)}`, async () => {
    const config = await load({ text });
    assert.equal(config.apiKey, KEY);
    assert.equal("apiKeyFile" in config, false);
    assert.deepEqual(parseConfig(config), config);
  });
}

Deno.test("loadConfig() reads several API keys from the lines of a file, or from the variable", async () => {
  const keys = [KEY, "another-key-of-the-house"];
  const paths: string[] = [];
  const onApiKeyFile = (path: string): void => void paths.push(path);
  assert.deepEqual((await load({ text: keys.join("\r\n\n"), onApiKeyFile })).apiKey, keys);
  assert.equal(paths.length, 1);
  assert.match(paths[0] ?? "", /\/key$/);
  const env = { SNAKEDEN_API_KEY_FILE: "", SNAKEDEN_API_KEY: `${keys.join("  ")}\n` };
  assert.deepEqual((await load({ env, onApiKeyFile })).apiKey, keys);
  assert.equal(paths.length, 1);
});

Deno.test("loadConfig() resolves apiKeyFile against the folder of its configuration file", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "key"), KEY, { mode: 0o400 });
  const file = join(dir.path, "snakeden.config.json");
  await Deno.writeTextFile(file, JSON.stringify({ host: "0.0.0.0", apiKeyFile: "key" }));
  assert.equal((await loadConfig({ file, env: () => undefined })).apiKey, KEY);
});

for (
  const [what, options, message] of [
    ["that others may read", { mode: 0o644 }, /others may read or write it \(mode 0644\)/],
    ["that the group may read", { mode: 0o640 }, /others may read or write it \(mode 0640\)/],
    ["that others may write", { mode: 0o602 }, /others may read or write it \(mode 0602\)/],
    [
      "that is not there",
      { env: { SNAKEDEN_API_KEY_FILE: "nowhere" } },
      /apiKeyFile: given ".*\/nowhere", but there is no such file/,
    ],
    ["that is a folder", { env: { SNAKEDEN_API_KEY_FILE: "." } }, /but it is not a file/],
    ["that is too large", { text: "k".repeat(5_000) }, /but it has more than 4096 bytes/],
    [
      "with a key that is too short",
      { text: "short\n" },
      /apiKey: given a text of 5 characters \(from the file .*\/key\); allowed: at least 16/,
    ],
    [
      "with a second key that is too short",
      { text: `${KEY}\n\nshort\n` },
      /apiKey\[1\]: given a text of 5 characters \(from the file .*\/key\); allowed: at least 16/,
    ],
    ["without a key", { text: "\n\n" }, /apiKeyFile: given ".*\/key", but it holds no key/],
    ["with nine keys", { text: `${KEY}\n`.repeat(9) }, /a list of 1 to 8 such keys/],
    [
      "beside a key",
      { env: { SNAKEDEN_API_KEY: KEY } },
      /apiKeyFile: given beside apiKey \(SNAKEDEN_API_KEY\); allowed: one of the two/,
    ],
    [
      "beside another problem",
      { mode: 0o644, overrides: { port: -1 } },
      /2 problems.*port: given -1/s,
    ],
  ] as const
) {
  Deno.test(`loadConfig() refuses an API key file ${what}`, async () => {
    await assert.rejects(load(options), { code: "config_invalid", message });
    await assert.rejects(load(options), (error: Error) => !error.message.includes(KEY));
  });
}

const isRoot = Deno.uid() === 0;
Deno.test({
  name: "loadConfig() refuses an API key file of another user" +
    (isRoot ? "" : " (skipped: only root can make one)"),
  ignore: !isRoot,
  fn: () => assert.rejects(load({ owner: NOBODY }), /it belongs to another user \(uid 65534\)/),
});

Deno.test("main() requires the key in the file, which is in no environment of the host or its workers", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await Deno.writeTextFile(path, `${KEY}\n`, { mode: 0o600 });
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_API_KEY_FILE: path },
  });
  const ask = async (headers: Record<string, string>): Promise<number> => {
    const answer = await fetch(`${server.url}/v1/workers`, { headers });
    const { workers = [] } = await answer.json();
    for (const pid of [server.pid, ...workers.map((it: { pid: number }) => it.pid)]) {
      const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
      assert.ok(environment.includes("PATH="));
      assert.ok(!environment.includes(KEY));
    }
    return answer.status;
  };
  assert.equal(await ask({}), 401);
  assert.equal(await ask({ authorization: `Bearer ${KEY}` }), 200);
  server.kill("SIGTERM");
  assert.equal((await server.finished()).code, 0);
});

Deno.test("main() follows the API key file while it runs", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  const next = "the-next-key-of-the-house";
  await Deno.writeTextFile(path, `${KEY}\n`, { mode: 0o600 });
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_API_KEY_FILE: path },
  });
  const statuses = (): Promise<number[]> =>
    Promise.all([KEY, next].map(async (key) => {
      const answer = await fetch(`${server.url}/v1/pools`, { headers: { "x-api-key": key } });
      await answer.body?.cancel();
      return answer.status;
    }));
  const turn = async (text: string, expected: number[]): Promise<void> => {
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
    await Deno.rename(`${path}.new`, path);
    await until(async () => `${await statuses()}` === `${expected}`, `the statuses ${expected}`);
  };
  assert.deepEqual(await statuses(), [200, 401]);
  await turn(`${KEY}\n${next}\n`, [200, 200]);
  await turn(`${next}\n`, [401, 200]);
  assert.match(server.stderr, /the API key file .* has changed: 2 keys are valid now/);
  assert.ok(!server.stderr.includes(next));
});

Deno.test("main() ends with status 78 when others may read the API key file", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await Deno.writeTextFile(path, KEY);
  await Deno.chmod(path, 0o644);
  await using host = new HostProcess(
    [...SERVE, join(ROOT, "main.ts"), "--port", "0"],
    { env: { SNAKEDEN_API_KEY_FILE: path } },
  );
  const { code, stderr } = await host.finished();
  assert.equal(code, 78, stderr);
  assert.match(stderr, /apiKeyFile: given ".*", but others may read or write it \(mode 0644\)/);
});
