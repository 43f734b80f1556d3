import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../scripts/dev_python.ts";
import {
  ADAPTERS,
  HostProcess,
  ROOT,
  SERVE,
  ServerProcess,
  tempDir,
  workersOf,
} from "./fixtures/host.ts";
import { until } from "./fixtures/until.ts";

/** Runs main.ts with flags at which it ends. */
async function runFlags(...flags: string[]): ReturnType<HostProcess["finished"]> {
  await using host = new HostProcess([
    ...SERVE,
    join(ROOT, "main.ts"),
    ...flags,
  ]);
  return await host.finished();
}

async function configFile(dataDir: string, config: unknown): Promise<string> {
  const path = join(dataDir, "snakeden.config.json");
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}

Deno.test("main() prints the usage and the version", async () => {
  const help = await runFlags("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /usage: deno task serve/);
  const version = await runFlags("--version");
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^snakeden \d+\.\d+\.\d+\n$/);
});

Deno.test("main() ends with status 2 on a command line that it does not know", async () => {
  for (
    const [flags, message] of [
      [["--prot", "1"], /Unknown option '--prot'/],
      [["--port", "http"], /--port takes a number, not "http"/],
      [["--port"], /--port/],
      [["here"], /Unexpected argument 'here'/],
    ] as const
  ) {
    const { code, stdout, stderr } = await runFlags(...flags);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.match(stderr, /usage: /);
    assert.equal(stdout, "");
  }
});

Deno.test("main() ends with status 78 on a wrong configuration, and names the flag's file", async () => {
  const { code, stderr } = await runFlags("--config", "no_such_file.json", "--port", "0");
  assert.equal(code, 78);
  assert.match(stderr, /no_such_file\.json: 1 problem\n.*--config names it/s);
  const range = await runFlags("--port", "70000");
  assert.equal(range.code, 78);
  assert.match(range.stderr, /port: given 70000; allowed: a whole number from 0 to 65535/);
});

Deno.test("main() prints one line on stdout, where it listens", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path, args: ["--port", "0"] });
  server.kill("SIGTERM");
  const { code, stdout } = await server.finished();
  assert.equal(code, 0);
  assert.match(stdout, /^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
});

/** Runs a line as if a person had pasted it, with the key in the environment of the shell. */
async function pasted(line: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", line], env }).output();
  return new TextDecoder().decode(stdout);
}

/** Waits for the call that the server offers as an example; returns its command line. */
function exampleOf(server: ServerProcess): Promise<string> {
  return until(() => /^ {2}(curl .*)\n[^]*Ctrl-C/m.exec(server.stderr)?.[1], "an example call");
}

Deno.test("main() says how to call a tool, in a line that works when it is pasted", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path });
  assert.equal(JSON.parse(await pasted(await exampleOf(server))).result, 5);
  assert.match(server.stderr, /^Serving 7 tools in 1 pool\. Call one:$/m);
  assert.ok(server.stderr.includes(`: ${server.url}/docs\n`));
});

Deno.test("main() says how to call a tool with the API key, and does not show the key", async () => {
  await using dir = await tempDir();
  const key = { SNAKEDEN_API_KEY: "a-key-of-enough-characters" };
  await using server = await ServerProcess.start({ dataDir: dir.path, env: key });
  const line = await exampleOf(server);
  assert.equal(JSON.parse(await pasted(line, key)).result, 5);
  assert.ok(!server.stderr.includes(key.SNAKEDEN_API_KEY));
});

Deno.test("main() says how to call a tool with the API key from its file", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "keys");
  await Deno.writeTextFile(file, "\na-key-of-enough-characters\n", { mode: 0o600 });
  const env = { SNAKEDEN_API_KEY_FILE: file };
  await using server = await ServerProcess.start({ dataDir: dir.path, env });
  assert.equal(JSON.parse(await pasted(await exampleOf(server))).result, 5);
});

Deno.test("main() writes nothing but entries to a log in JSON, and nothing for people below info", async () => {
  await using dir = await tempDir();
  const env = { SNAKEDEN_LOG_FORMAT: "json" };
  await using server = await ServerProcess.start({ dataDir: dir.path, env });
  await until(() => server.stderr.includes("serving 7 tools in 1 pools"), "the entry");
  server.kill("SIGTERM");
  const { stderr } = await server.finished();
  for (const line of stderr.trim().split("\n")) assert.equal(typeof JSON.parse(line), "object");
  assert.doesNotMatch(stderr, /curl/);
  const quiet = { SNAKEDEN_LOG_LEVEL: "warning" };
  await using silent = await ServerProcess.start({ dataDir: dir.path, env: quiet });
  silent.kill("SIGTERM");
  assert.equal((await silent.finished()).stderr, "");
});

Deno.test("main() reports a failed start as an entry of a log in JSON", async () => {
  await using dir = await tempDir();
  await using host = new HostProcess(["run", "-A", join(ROOT, "main.ts"), "--port", "0"], {
    env: {
      SNAKEDEN_LOG_FORMAT: "json",
      SNAKEDEN_DATA_DIR: dir.path,
      SNAKEDEN_PYTHON: "/no/python",
    },
  });
  const { code, stderr } = await host.finished();
  assert.equal(code, 1);
  const entries = stderr.trim().split("\n").map((line) => JSON.parse(line));
  assert.match(entries.at(-1).message, /^Cannot use the Python \/no\/python/);
  assert.equal(entries.at(-1).level, "error");
});

Deno.test("main() lets a running call finish when told to stop", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path });
  const sleeping = fetch(`${server.url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"tool":"sleep","args":{"seconds":1}}',
  });
  await until(async () => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].workers.busy === 1;
  }, "a busy worker");
  server.kill("SIGTERM");
  assert.equal((await sleeping).status, 200);
  await (await sleeping).body?.cancel();
  const { code } = await server.finished();
  assert.equal(code, 0);
  assert.deepEqual(workersOf({ connect: dir.path }), []);
});

Deno.test("main() told to stop is not ready at once, refuses new and waiting calls, and finishes running ones", async () => {
  await using dir = await tempDir();
  const config = await configFile(dir.path, { pools: [{ name: "default", size: 1 }] });
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const sleep = (seconds: number): Promise<Response> =>
    fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool: "sleep", args: { seconds } }),
    });
  assert.equal((await (await fetch(`${server.url}/readyz`)).json()).ready, true);
  const running = sleep(2);
  await until(async () => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].workers.busy === 1;
  }, "a busy worker");
  const waiting = sleep(0);
  await until(async () => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].queued === 1;
  }, "a call that waits");
  server.kill("SIGTERM");
  const turnedOut = await waiting;
  assert.deepEqual([turnedOut.status, (await turnedOut.json()).code], [503, "shutting_down"]);
  // On new connections, as a load balancer asks.
  const readiness = await fetch(`${server.url}/readyz`, { headers: { connection: "close" } });
  assert.equal(readiness.status, 503);
  assert.match(JSON.stringify(await readiness.json()), /the pool default is stopping/);
  const refused = await sleep(0);
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
  assert.equal((await refused.json()).code, "shutting_down");
  const finished = await running;
  assert.equal(finished.status, 200);
  await finished.body?.cancel();
  assert.equal((await server.finished()).code, 0);
});

Deno.test("main() told to stop exits with status 1, and ends its workers, when a step of the stop hangs", async () => {
  await using dir = await tempDir();
  // The file is a program, so it can break the host that it configures.
  const config = join(dir.path, "snakeden.config.ts");
  await Deno.writeTextFile(
    config,
    `Deno.addSignalListener("SIGTERM", () => {
       Deno.remove = () => new Promise(() => {});
     });
     export default {
       drainMs: 0,
       pools: [{ name: "default", size: 1, killGraceMs: 0 }],
       jobs: { scripts: { killGraceMs: 0 } },
     };`,
  );
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  server.kill("SIGTERM");
  const { code, stderr } = await server.finished();
  assert.equal(code, 1, stderr);
  assert.match(stderr, /the stop did not finish within 10000 ms; exiting/);
  await until(() => workersOf({ connect: dir.path }).length === 0, "the workers to be gone");
});

Deno.test("main() ends at once and leaves no process when asked to stop again", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path });
  const sleeping = fetch(`${server.url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"tool":"sleep","args":{"seconds":60}}',
  }).catch(() => {});
  await until(async () => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].workers.busy === 1;
  }, "a busy worker");
  server.kill("SIGINT");
  // Not at once: a signal right after the first counts as a copy of it.
  await until(() => {
    server.kill("SIGINT");
    return server.ended;
  }, "the end");
  const { code } = await server.finished();
  assert.equal(code, 130);
  await sleeping;
  await until(() => workersOf({ connect: dir.path }).length === 0, "the workers to be gone");
});

Deno.test("main() told to stop while its workers start stops in order", async () => {
  await using dir = await tempDir();
  const pool = { name: "default", size: 1, adapter: "never_says_hello", modulePaths: [ADAPTERS] };
  const config = await configFile(dir.path, { pools: [pool] });
  await using host = new HostProcess([
    ...SERVE,
    `--allow-write=${dir.path}`,
    join(ROOT, "main.ts"),
  ], {
    env: {
      SNAKEDEN_CONFIG: config,
      SNAKEDEN_PORT: "0",
      SNAKEDEN_DATA_DIR: dir.path,
      SNAKEDEN_PYTHON: await devPython(),
    },
  });
  await until(() => workersOf({ connect: dir.path }).length > 0, "a worker", { timeoutMs: 60_000 });
  host.kill("SIGTERM");
  const { code, stdout, stderr } = await host.finished();
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "");
  assert.deepEqual(workersOf({ connect: dir.path }), []);
});

Deno.test("main() serves and stops even if its standard error is not read", async () => {
  await using dir = await tempDir();
  const pool = { name: "default", size: 1, adapter: "prints", modulePaths: [ADAPTERS] };
  const server = new Deno.Command(Deno.execPath(), {
    args: [...SERVE, `--allow-write=/tmp,${dir.path}`, "main.ts"],
    cwd: ROOT,
    env: {
      SNAKEDEN_CONFIG: await configFile(dir.path, { pools: [pool] }),
      SNAKEDEN_PORT: "0",
      SNAKEDEN_DATA_DIR: dir.path,
      SNAKEDEN_PYTHON: await devPython(),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) said += (await output.read()).value;
  const url = /http:\S+/.exec(said)?.[0];
  // Many times as much as a pipe holds.
  const answer = await fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool: "flood", args: { lines: 20_000 } }),
  });
  assert.equal((await answer.json()).result, 20_000);
  server.kill("SIGTERM");
  assert.equal((await server.status).code, 0);
  await output.cancel();
  await server.stderr.cancel();
});

Deno.test("main() with --dev listens while an adapter is broken, and serves it as soon as it is repaired", async () => {
  await using dir = await tempDir();
  const adapter = join(dir.path, "texts.py");
  await Deno.writeTextFile(adapter, "from snakeden import tool\n\n@tool\ndef hello(:\n");
  const config = await configFile(dir.path, {
    pools: [{ name: "default", size: 1, adapter: "texts" }],
  });
  await using server = await ServerProcess.start({
    dataDir: join(dir.path, "data"),
    args: ["--dev", "--config", config],
  });
  const call = (): Promise<Response> =>
    fetch(`${server.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"tool":"hello"}',
    });
  const refused = await call();
  assert.equal(refused.status, 503, await refused.text());
  await until(() => server.stderr.includes("has no worker until its code is repaired:"), "its log");
  assert.match(server.stderr, /File ".*texts\.py", line 4\n.*def hello\(:\n.* \^\n.*SyntaxError: /);
  await until(() => server.stderr.includes("Pool default waits for its code; "), "what to do");
  await Deno.writeTextFile(
    adapter,
    "from snakeden import tool\n\n@tool\ndef hello():\n  return 1\n",
  );
  await until(async () => {
    const response = await call();
    return (await response.text()).includes('"result":1') && response.ok;
  }, "its answer");
  assert.match(server.stderr, /reloaded pool default in \d+\.\d s \(texts\.py\): tools \+hello\n/);
});

for (
  const [name, textOf] of [
    ["house.json", (config: unknown) => JSON.stringify(config)],
    ["house.ts", (config: unknown) => `export default ${JSON.stringify(config)};`],
  ] as const
) {
  Deno.test(`main() with --dev waits for the repair of ${name}, shows wrong edits, and restarts for good ones`, async () => {
    await using dir = await tempDir();
    const file = join(dir.path, name);
    const write = async (size: unknown): Promise<void> =>
      await Deno.writeTextFile(file, textOf({ pools: [{ name: "default", size }] }));
    await write("many");
    await using server = new HostProcess(
      [...SERVE, `--allow-write=/tmp,${dir.path}`, join(ROOT, "main.ts"), "--dev", "--port", "0"],
      {
        env: {
          SNAKEDEN_CONFIG: file,
          SNAKEDEN_DATA_DIR: join(dir.path, "data"),
          SNAKEDEN_PYTHON: await devPython(),
        },
      },
    );
    const shows = (text: string): Promise<unknown> =>
      until(() => server.stderr.includes(text), `${text} in ${server.stderr}`);
    await shows('size: given "many"');
    await shows(`waiting for an edit of ${file}`);
    const urls = (): string[] => server.stdout.match(/http:\S+/g) ?? [];
    const sizeOf = async (url = ""): Promise<number> =>
      (await (await fetch(`${url}/v1/pools`)).json()).pools[0].size;

    await write(1);
    await until(() => urls().length === 1, "the first start");
    await write(0);
    await shows("the server keeps its old configuration");
    await shows("size: given 0");
    assert.equal(await sizeOf(urls()[0]), 1);

    await write(2);
    await until(() => urls().length === 2, "the restart");
    assert.equal(await sizeOf(urls()[1]), 2);
    server.kill("SIGTERM");
    assert.equal((await server.finished()).code, 0, server.stderr);
    assert.deepEqual(workersOf({ connect: join(dir.path, "data") }), []);
  });
}

Deno.test("main() with --dev ends with status 0 when a signal comes while it waits for a repair", async () => {
  await using dir = await tempDir();
  const file = await configFile(dir.path, { prot: 1 });
  await using server = new HostProcess(
    [...SERVE, join(ROOT, "main.ts"), "--dev", "--config", file],
  );
  await until(() => server.stderr.includes("waiting for an edit of"), "its wait");
  server.kill("SIGTERM");
  assert.equal((await server.finished()).code, 0, server.stderr);
});
