/** Tests what a client may go on with when its API key is removed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ApiKeyWatch } from "../../../src/config/mod.ts";
import { createApp, KeyGuard, OpenSockets, Traffic } from "../../../src/routes/mod.ts";
import { tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";
import { type MemoryEngine, memoryEngine } from "../memory_engine.ts";
import { SocketClient } from "../socket/socket_client.ts";

const OLD = "the-old-key-of-the-house";
const NEW = "the-new-key-of-the-house";

interface Served extends AsyncDisposable {
  readonly engine: MemoryEngine;
  readonly url: string;
  readonly sockets: OpenSockets;
  /** Makes these keys the valid ones. */
  use(...keys: readonly string[]): Promise<void>;
}

/** Serves an engine with keys from a file, the old one and the new one. */
async function serve(): Promise<Served> {
  const dir = await tempDir();
  const path = join(dir.path, "keys");
  await Deno.writeTextFile(path, `${OLD}\n${NEW}\n`, { mode: 0o600 });
  const keys = [OLD, NEW];
  const engine = memoryEngine({ config: { apiKey: keys } });
  await engine.sessions.open("s1");
  const guard = new KeyGuard(keys, { watch: new ApiKeyWatch(path, keys) });
  const sockets = new OpenSockets(engine.config.limits);
  const traffic = new Traffic(engine.config.limits).start();
  const app = createApp(engine, { version: "1", guard, sockets, traffic });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    engine,
    url: `http://127.0.0.1:${server.addr.port}`,
    sockets,
    use: async (...valid) => {
      await Deno.writeTextFile(path, valid.join("\n"));
      await guard.tick();
      // A changed file counts when it was the same at two looks.
      await guard.tick();
    },
    [Symbol.asyncDispose]: async () => {
      await sockets.close();
      await server.shutdown();
      traffic[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const sending = (key: string): { readonly headers: Record<string, string> } => ({
  headers: { "x-api-key": key },
});

Deno.test("a removed API key closes its sockets, and no others", async () => {
  await using on = await serve();
  await using first = await SocketClient.open(on.url, sending(OLD));
  await using second = await SocketClient.open(on.url, sending(OLD));
  await using other = await SocketClient.open(on.url, sending(NEW));
  await on.use(NEW);
  for (const { closed } of [first, second]) {
    const { code, reason } = await closed;
    assert.deepEqual([code, reason], [1008, "the API key was removed"]);
  }
  other.send({ type: "call", id: 1, tool: "add" });
  assert.equal((await other.last(1)).type, "result");
  // A key that comes back is a new one.
  await on.use(OLD, NEW);
  await using again = await SocketClient.open(on.url, sending(OLD));
  await on.use(NEW);
  assert.equal((await again.closed).code, 1008);
  await until(() => on.sockets.size === 1, "the host to note the ends");
});

Deno.test("a removed API key ends the streams of changes that it has opened, and no others", async () => {
  await using on = await serve();
  const follow = async (key: string): Promise<ReadableStreamDefaultReader<string>> => {
    const { body } = await fetch(`${on.url}/v1/sessions/s1/events`, sending(key));
    assert.ok(body !== null);
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    assert.match((await reader.read()).value ?? "", /^: following/);
    return reader;
  };
  const [old, other] = [await follow(OLD), await follow(NEW)];
  await on.use(NEW);
  assert.equal((await old.read()).done, true);
  await (await on.engine.sessions.get("s1")).variables.set("x", 1);
  assert.match((await other.read()).value ?? "", /event: set/);
  await other.cancel();
});
