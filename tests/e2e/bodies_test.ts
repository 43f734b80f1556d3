/** Tests the cost of request bodies that are announced and do not come. */
import assert from "node:assert/strict";
import { ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const CONNECTIONS = 500;
const MAX_GROWTH_BYTES = 60_000_000;

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

for (
  const [what, head] of [
    ["a length of 8 MB", "content-length: 8000000\r\n\r\n"],
    ["chunks", "transfer-encoding: chunked\r\n\r\n64\r\n"],
  ] as const
) {
  Deno.test(`main() takes memory only for the received part of ${CONNECTIONS} bodies that announce ${what}`, async () => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({ dataDir: dir.path });
    const { hostname, port } = new URL(server.url);
    const text = "POST /v1/execute HTTP/1.1\r\nhost: localhost\r\n" +
      `content-type: application/json\r\n${head}${"x".repeat(90)}`;
    const before = await rssOf(server.pid);
    const connections: Deno.Conn[] = [];
    try {
      for (let i = 0; i < CONNECTIONS; i++) {
        const connection = await Deno.connect({ hostname, port: Number(port) });
        connections.push(connection);
        await connection.write(new TextEncoder().encode(text));
      }
      // A later request is answered, so the server has accepted all of them.
      await (await fetch(`${server.url}/healthz`)).body?.cancel();
      const growth = await rssOf(server.pid) - before;
      assert.ok(growth < MAX_GROWTH_BYTES, `the server grew by ${growth} bytes`);
    } finally {
      for (const connection of connections) connection.close();
    }
    await until(async () => {
      const answer = await fetch(`${server.url}/v1/execute`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"tool":"ping"}',
      });
      return (await answer.json()).result === "pong";
    }, "a call");
  });
}

Deno.test("main() reads a large body in its own thread, even if started from another folder", async () => {
  await using dir = await tempDir();
  await using server = await ServerProcess.start({ dataDir: dir.path, cwd: dir.path });
  const value = Array.from({ length: 200_000 }, (_, i) => i / 7);
  const answer = await fetch(`${server.url}/v1/execute`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool: "echo", args: { value } }),
  });
  assert.deepEqual((await answer.json()).result, value);
  assert.doesNotMatch(server.stderr, /without a thread/);
  server.kill("SIGTERM");
  assert.equal((await server.finished()).code, 0);
});
