/**
 * Tests a server that runs out of file descriptors. Anybody who reaches its port can cause this.
 */
import assert from "node:assert/strict";
import { ServerProcess, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const OPEN_FILES = 200;

/** Opens connections that send nothing, or the beginning of a request. */
async function connect(url: string, count: number, text = ""): Promise<Disposable> {
  const { hostname, port } = new URL(url);
  const connections: Deno.Conn[] = [];
  for (let i = 0; i < count; i++) {
    // The server refuses some connections while it reopens its port.
    const connection = await Deno.connect({ hostname, port: Number(port) }).catch(() => undefined);
    if (connection === undefined) continue;
    connections.push(connection);
    await connection.write(new TextEncoder().encode(text)).catch(() => {});
  }
  return {
    [Symbol.dispose](): void {
      for (const connection of connections) connection.close();
    },
  };
}

function execute(url: string, tool: string, args: unknown): Promise<Response> {
  return fetch(`${url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ tool, args }),
  });
}

async function someWorkerIsBusy(url: string): Promise<void> {
  await until(async () => {
    const { pools } = await (await fetch(`${url}/v1/pools`)).json();
    return pools[0].workers.busy === 1;
  }, "a busy worker");
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(1_000);
    const headers = { connection: "close" };
    const answer = await fetch(`${url}/healthz`, { signal, headers });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

for (
  const [what, text] of [
    ["idle connections", ""],
    ["half a head on each connection", "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\n"],
  ] as const
) {
  Deno.test(`main() survives a lack of descriptors by ${what}, finishes running calls, and serves on`, async () => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({ dataDir: dir.path, openFiles: OPEN_FILES });
    const running = execute(server.url, "sleep", { seconds: 2 });
    await someWorkerIsBusy(server.url);
    {
      using _connections = await connect(server.url, 2 * OPEN_FILES, text);
      const answer = await running;
      assert.equal(answer.status, 200);
      await answer.body?.cancel();
    }
    await until(() => isHealthy(server.url), "the server to answer");
    const sum = await execute(server.url, "add", { a: 2, b: 3 });
    assert.equal((await sum.json()).result, 5);
    assert.match(server.stderr, /closed idle connections.*Too many open files/);
    server.kill("SIGTERM");
    assert.equal((await server.finished()).code, 0);
  });
}

Deno.test("main() keeps descriptors for a worker that has to be replaced", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  await Deno.writeTextFile(config, JSON.stringify({ pools: [{ name: "default", size: 1 }] }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    openFiles: OPEN_FILES,
    env: { SNAKEDEN_CONFIG: config },
  });
  const { workers } = await (await fetch(`${server.url}/v1/workers`)).json();
  using _connections = await connect(server.url, 2 * OPEN_FILES);
  signalPid(workers[0].pid, "SIGKILL");
  await until(async () => {
    const answer = await execute(server.url, "ping", {}).catch(() => undefined);
    return answer !== undefined && (await answer.json()).result === "pong";
  }, "another worker");
});

Deno.test("main() closes idle connections over limits.maxConnections, and finishes running calls", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  await Deno.writeTextFile(config, JSON.stringify({ limits: { maxConnections: 100 } }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const running = execute(server.url, "sleep", { seconds: 3 });
  await someWorkerIsBusy(server.url);
  using _connections = await connect(server.url, 150);
  await until(() => /limits\.maxConnections/.test(server.stderr), "idle connections to be closed");
  assert.equal(typeof (await (await running).json()).result, "number");
  assert.equal((await (await execute(server.url, "add", { a: 2, b: 3 })).json()).result, 5);
});

Deno.test("main() reads a large body without a thread when descriptors are too few to start one", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path, openFiles: OPEN_FILES });
  const body = '{"tool":"sleep","args":{"seconds":60}}';
  const call =
    "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
    `content-length: ${body.length}\r\n\r\n${body}`;
  using calls = new DisposableStack();
  await until(async () => {
    const inUse = await Array.fromAsync(Deno.readDir(`/proc/${server.pid}/fd`));
    if (inUse.length >= OPEN_FILES - 3) return true;
    calls.use(await connect(server.url, 1, call));
    return false;
  }, "calls to use up the descriptors");
  await until(async () => {
    try {
      const answer = await execute(server.url, "none", { text: "x".repeat(300_000) });
      return (await answer.json()).code === "unknown_tool";
    } catch {
      // The server has reopened its port.
      return false;
    }
  }, "a large body to be read");
});
