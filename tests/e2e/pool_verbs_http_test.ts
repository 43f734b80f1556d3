/** The verbs of pools over HTTP and by the client, and the reload of a server. */
import assert from "node:assert/strict";
import { SnakedenClient } from "../../src/client/mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const KEY = "0123456789abcdef0123456789abcdef";

interface Served extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly client: SnakedenClient;
  write(config: unknown): Promise<void>;
  send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: Record<string, unknown> }>;
}

/** Starts a server with a configuration file. */
async function serve(config: Record<string, unknown>, apiKey: string | undefined): Promise<Served> {
  const dir = await tempDir();
  const file = `${dir.path}/snakeden.config.json`;
  const write = async (it: unknown): Promise<void> => {
    await Deno.writeTextFile(file, typeof it === "string" ? it : JSON.stringify(it));
  };
  await write(config);
  const server = await ServerProcess.start({
    dataDir: `${dir.path}/data`,
    env: {
      SNAKEDEN_CONFIG: file,
      SNAKEDEN_PYTHON: await devPython(),
      ...(apiKey === undefined ? {} : { SNAKEDEN_API_KEY: apiKey }),
    },
  });
  const key = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const client = new SnakedenClient({
    baseUrl: server.url,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  return {
    server,
    client,
    write,
    send: async (method, path, body) => {
      const answer = await fetch(`${server.url}${path}`, {
        method,
        headers: { ...key, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, json: text === "" ? {} : JSON.parse(text) };
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await server[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a server resizes, pauses, cleans, adds and removes pools, and stops a worker hard", async () => {
  await using it = await serve({ pools: [{ name: "default", min: 0, max: 3 }] }, KEY);
  const { client, send } = it;
  const { pools } = client;
  const resting = await fetch(`${it.server.url}/readyz`);
  assert.deepEqual([resting.status, await resting.json()], [
    200,
    { ready: true, pools: { default: { ready: true } } },
  ]);
  assert.deepEqual(await client.workers.list(), []);
  assert.equal((await pools.startAhead("default", 2)).length, 2);
  assert.equal((await pools.cleanIdle("default")).length, 2);
  const changed = await pools.resize("default", { min: 1, max: 2, spare: 1 });
  assert.deepEqual([changed.min, changed.max, changed.spare], [1, 2, 1]);
  for (
    const [body, text] of [
      [{ size: 0 }, /size: given 0; allowed: a whole number from 1 to 256/],
      [{ size: 10_000 }, /size: given 10000; allowed/],
      [{ min: 3, max: 2 }, /min: given 3; allowed: at most max, 2/],
      [{ size: 2, min: 1 }, /size/],
      [{ size: "2" }, /size: given/],
      [{ paused: 1 }, /paused: given 1; allowed: true, false/],
      [{ siez: 1 }, /siez: unknown key/],
      [{}, /given no field; allowed: size, min, max, spare, paused/],
    ] as const
  ) {
    const { status, json } = await send("PATCH", "/v1/pools/default", body);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(JSON.stringify(json), text);
  }
  for (
    const [method, path] of [["PATCH", ""], ["POST", "/pause"], ["POST", "/clean"], ["DELETE", ""]]
  ) {
    const body = method === "PATCH" ? { size: 1 } : undefined;
    const { status, json } = await send(method ?? "", `/v1/pools/defualt${path}`, body);
    assert.deepEqual([status, json["code"]], [404, "unknown_pool"]);
  }
  assert.equal((await pools.pause("default")).paused, true);
  const waiting = client.execute("ping");
  await until(async () => (await pools.get("default")).queued === 1, "the call to wait");
  await client.health.awaitReady();
  const answer = await fetch(`${it.server.url}/readyz`);
  assert.deepEqual([answer.status, (await answer.json()).pools.default.paused], [200, true]);
  assert.equal((await pools.resume("default")).paused, false);
  assert.equal(await waiting, "pong");
  const resized = await Promise.all([1, 2].map((size) => pools.resize("default", { size })));
  assert.equal(resized.length, 2);
  // A worker is ended softly or hard.
  const running = client.execute("sleep", { seconds: 60 });
  running.catch(() => {});
  const busy = await until(
    async () => (await client.workers.list()).find(({ state }) => state === "busy"),
    "the call to run",
  );
  await assert.rejects(client.workers.stop(busy.id, { mode: "firm" as "hard" }), {
    code: "invalid_input",
    message: /mode: given "firm"; allowed: soft or hard/,
  });
  await client.workers.stop(busy.id, { mode: "hard" });
  await assert.rejects(running, { code: "worker_crashed" });
  // Pools come and go.
  const added = await pools.add({ name: "more", size: 1 });
  assert.deepEqual([added.name, added.state], ["more", "ready"]);
  await assert.rejects(pools.add({ name: "more", size: 1 }), { code: "pool_exists" });
  await assert.rejects(pools.add({ name: "other", size: 0 }), {
    code: "invalid_input",
    message: /size: given 0; allowed/,
  });
  assert.equal(await client.execute("ping", {}, { pool: "more" }), "pong");
  await assert.rejects(pools.remove("more", { drainMs: -1 }), { code: "invalid_input" });
  await pools.remove("more", { drainMs: 1_000 });
  await assert.rejects(client.execute("ping", {}, { pool: "more" }), { code: "unknown_pool" });
  // None of it without the key.
  for (
    const [method, path] of [["POST", "/v1/reload"], ["POST", "/v1/pools"], [
      "PATCH",
      "/v1/pools/default",
    ]]
  ) {
    const answer = await fetch(`${it.server.url}${path}`, { method: method ?? "" });
    await answer.body?.cancel();
    assert.equal(answer.status, 401);
  }
});

Deno.test("a server without an API key takes no new pool, which could run any code", async () => {
  await using it = await serve({ pools: [{ name: "default", size: 1 }] }, undefined);
  const { status, json } = await it.send("POST", "/v1/pools", { name: "more", size: 1 });
  assert.deepEqual([status, json["code"]], [403, "forbidden"]);
  assert.match(String(json["detail"]), /no API key/);
});

Deno.test("a server reloads its configuration by POST /v1/reload and at SIGUSR1, and keeps it if the new one is broken", async () => {
  await using it = await serve({ pools: [{ name: "default", size: 1 }] }, KEY);
  const { client, server, send } = it;
  await it.write({
    pools: [{ name: "default", size: 2 }, { name: "more", size: 1 }],
    limits: { maxBodyBytes: 2048 },
    port: 1,
  });
  assert.deepEqual(await client.reload(), {
    pools: { added: ["more"], changed: [], adjusted: ["default"], removed: [] },
    applied: ["limits.maxBodyBytes"],
    needsRestart: [],
  });
  // The parts of the server go by the new limit, too.
  const long = await send("POST", "/v1/execute", {
    tool: "echo",
    args: { value: "x".repeat(3_000) },
  });
  assert.deepEqual([long.status, long.json["code"]], [413, "body_too_large"]);
  await it.write({ pools: [{ name: "default", size: 0 }] });
  const broken = await send("POST", "/v1/reload");
  assert.deepEqual([broken.status, broken.json["code"]], [422, "config_invalid"]);
  const [issue] = broken.json["errors"] as { path: string; message: string }[];
  assert.deepEqual(issue, {
    path: "pools[0].size",
    message: "given 0; allowed: a whole number from 1 to 256",
  });
  server.kill("SIGUSR1");
  await until(() => /keeps its configuration/.test(server.stderr), "the refusal in the log");
  assert.deepEqual((await client.pools.list()).map(({ name }) => name), ["default", "more"]);
  await it.write({ pools: [{ name: "default", size: 1 }] });
  server.kill("SIGUSR1");
  await until(async () => (await client.pools.list()).length === 1, "the reload at the signal");
  await until(() => /reloaded the configuration at SIGUSR1/.test(server.stderr), "the log");
  assert.equal(await client.execute("ping"), "pong");
});
