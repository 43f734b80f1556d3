/** Tests the sockets of a server that stops. */
import assert from "node:assert/strict";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { SocketClient } from "../routes/socket/socket_client.ts";

Deno.test("main() lets the calls of a socket end at a stop, and then closes it with 1001", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  const pool = { name: "default", size: 1, adapter: ["waits"], modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config, SNAKEDEN_LOG_LEVEL: "debug" },
  });
  const client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "wait", args: { seconds: 1 } });
  const busy = async (): Promise<boolean> => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].workers.busy === 1;
  };
  await until(busy, "the call to run");
  server.kill("SIGTERM");
  assert.equal((await client.next()).result, 0);
  const { code, reason } = await client.closed;
  assert.deepEqual({ code, reason }, { code: 1001, reason: "the server is stopping" });
  assert.equal((await server.finished()).code, 0);
  assert.match(server.stderr, /GET \/v1\/socket 101|\/v1\/socket/);
});
