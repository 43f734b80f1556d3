/** Tests input streams of Python tools over `GET /v1/socket`. */
import assert from "node:assert/strict";
import { createApp, OpenSockets } from "../../src/routes/mod.ts";
import { startDen } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { binary, SocketClient } from "../routes/socket/socket_client.ts";

const FRAME_BYTES = 640;

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`GET /v1/socket streams items to a Python tool and back (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", carrier });
    const sockets = new OpenSockets(den.config.limits);
    const app = createApp(den, { version: "1", sockets });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
    await using _stop = {
      [Symbol.asyncDispose]: async () => {
        await sockets.close();
        await server.shutdown();
      },
    };
    const url = `http://127.0.0.1:${server.addr.port}`;
    await using client = await SocketClient.open(url);

    client.send({ type: "call", id: 1, tool: "total", input: "numbers" });
    for (let n = 1; n <= 1_000; n++) client.send({ type: "chunk", id: 1, value: n });
    client.send({ type: "end", id: 1 });
    assert.equal((await client.last(1)).result, 500_500);

    client.send({ type: "call", id: 2, tool: "echo", input: "items", stream: true });
    for (let n = 0; n < 20; n++) {
      const frame = new Uint8Array(FRAME_BYTES).fill(n);
      client.send(binary("item", 2, frame));
      // The answer comes while the input is open.
      assert.deepEqual(await client.next(), { type: "item", id: 2, bytes: frame });
    }
    client.send({ type: "end", id: 2 });
    assert.equal((await client.last(2)).type, "result");

    client.send({ type: "call", id: 3, tool: "echo", input: "items", stream: true });
    client.send({ type: "chunk", id: 3, value: "begun" });
    assert.equal((await client.next()).value, "begun");
    await client[Symbol.asyncDispose]();
    await until(() => den.pools.get("default").workers.busy === 0, "the worker to be free");
  });
}
