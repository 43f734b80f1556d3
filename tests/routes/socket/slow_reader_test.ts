/** Tests clients that send calls and read nothing. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { until } from "../../fixtures/until.ts";
import { memoryEngine, outcomeOf } from "../memory_engine.ts";
import { connect, text } from "./raw_client.ts";
import { serveSockets, SocketClient } from "./socket_client.ts";

const MAX_CALLS = 50_000;

/** Sends calls until the server cuts the connection, or far too many; returns their number. */
async function flood(port: number, isClosed: () => boolean): Promise<number> {
  using client = await connect(port);
  let sent = 0;
  try {
    while (!isClosed() && sent < MAX_CALLS) {
      sent += 1;
      await client.write(text(JSON.stringify({ type: "call", id: sent, tool: "a" })));
    }
  } catch (error) {
    const { ConnectionReset, BrokenPipe } = Deno.errors;
    if (!(error instanceof ConnectionReset || error instanceof BrokenPipe)) throw error;
  }
  return sent;
}

const TOOLS = {
  "long results": () => Promise.resolve(outcomeOf("x".repeat(65_536))),
  "errors": () => Promise.reject(new SnakedenError("unknown_tool", "There is no such tool")),
} as const;

for (const [what, call] of Object.entries(TOOLS)) {
  Deno.test(`GET /v1/socket disconnects a client that does not read ${what}, and calls on`, async () => {
    let calls = 0;
    await using server = serveSockets(memoryEngine({
      call: () => {
        calls += 1;
        return call();
      },
    }));
    let opened = false;
    const sent = await flood(server.port, () => {
      opened ||= server.sockets.size === 1;
      return opened && server.sockets.size === 0;
    });
    assert.ok(sent > 256 && sent < MAX_CALLS, `${sent} calls`);
    const before = calls;
    await until(() => server.sockets.size === 0, "the client to be disconnected");
    assert.equal(calls, before);
    await using other = await SocketClient.open(server.url);
    other.send({ type: "call", id: 1, tool: "a" });
    assert.equal((await other.next()).id, 1);
  });
}

Deno.test("GET /v1/socket counts clients that do not answer its close apart, up to the same number", async () => {
  const maxSockets = 2;
  await using server = serveSockets(memoryEngine({ config: { limits: { maxSockets } } }));
  using stack = new DisposableStack();
  const open = async (): Promise<number> => {
    const { sockets } = server;
    const before = sockets.size;
    const client = stack.use(await connect(server.port));
    await client.write(text("no JSON"));
    await until(() => sockets.size > before, "the socket to be open");
    return sockets.size;
  };
  const admits = (): boolean => {
    try {
      server.sockets.check();
      return true;
    } catch {
      return false;
    }
  };
  for (let i = 0; i < maxSockets; i++) assert.equal(await open(), i + 1);
  await until(admits, "the host to close them");
  {
    await using one = await SocketClient.open(server.url);
    await using two = await SocketClient.open(server.url);
    for (const it of [one, two]) {
      it.send({ type: "call", id: 1, tool: "a" });
      assert.equal((await it.next()).id, 1);
    }
    await assert.rejects(SocketClient.open(server.url), /closed/);
  }
  await until(() => server.sockets.size === maxSockets, "the others to leave");
  for (let i = 0; i < maxSockets; i++) assert.equal(await open(), maxSockets + i + 1);
  await assert.rejects(SocketClient.open(server.url), /closed/);
});
