/** Tests `GET /v1/socket` with Python, as docs/http.md describes it. */
import assert from "node:assert/strict";
import { createApp, OpenSockets } from "../../src/routes/mod.ts";
import type { Snakeden } from "../../mod.ts";
import { startDen } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";
import { binary, SocketClient } from "../routes/socket/socket_client.ts";

const KEY = "my-secret-api-key";

/** Serves a host on a free port. */
function serve(den: Snakeden): AsyncDisposable & { readonly url: string } {
  const sockets = new OpenSockets(den.config.limits);
  const app = createApp(den, { version: "1", sockets });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: async () => {
      await sockets.close();
      await server.shutdown();
    },
  };
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`GET /v1/socket runs Python tools of all kinds (${carrier})`, async () => {
    const adapter = ["snakeden.demo", "streams"];
    await using den = await startDen({ adapter, carrier });
    await using server = serve(den);
    await using client = await SocketClient.open(server.url);

    for (let id = 1; id <= 50; id++) {
      client.send({ type: "call", id, tool: "add", args: { a: id, b: 1 } });
    }
    const sums = new Map<unknown, unknown>();
    for (let n = 0; n < 50; n++) {
      const { id, result, type, problem } = await client.next();
      assert.equal(type, "result", JSON.stringify(problem));
      sums.set(id, result);
    }
    for (let id = 1; id <= 50; id++) assert.equal(sums.get(id), id + 1);

    const pcm = crypto.getRandomValues(new Uint8Array(640));
    client.send(binary("buffer", 60, pcm));
    const value = { pcm: { $snakeden: "bytes", buffer: 0 } };
    client.send({ type: "call", id: 60, tool: "echo", args: { value } });
    assert.deepEqual((await client.next()).bytes, pcm);
    assert.deepEqual((await client.next()).result, value);

    client.send({ type: "call", id: 70, tool: "returns_value", args: { n: 3 }, stream: true });
    for (let n = 0; n < 3; n++) {
      assert.deepEqual(await client.next(), { type: "chunk", id: 70, value: n });
    }
    assert.equal((await client.next()).result, "sent 3");
    client.send({ type: "call", id: 71, tool: "returns_value", args: { n: 3 } });
    assert.deepEqual((await client.next()).result, [0, 1, 2]);

    client.send({ type: "call", id: 80, tool: "add", args: { a: 1 } });
    const { problem } = await client.next();
    assert.deepEqual((problem as { errors: unknown }).errors, [{
      path: "args.b",
      message: "is missing",
    }]);
    client.send({ type: "call", id: 81, tool: "fails_after", args: { n: 1 }, stream: true });
    assert.equal((await client.next()).value, 0);
    const { python } = (await client.next()).problem as { python: { type: string } };
    assert.equal(python.type, "RuntimeError");
  });

  Deno.test(`GET /v1/socket frees the workers of a client that leaves (${carrier})`, async () => {
    await using den = await startDen({ adapter: ["snakeden.demo", "streams"], carrier });
    await using server = serve(den);
    const client = await SocketClient.open(server.url);
    client.send({ type: "call", id: 1, tool: "endless", stream: true });
    client.send({ type: "call", id: 2, tool: "async_sleep", args: { seconds: 600 } });
    await until(() => den.pools.get("default").workers.busy === 2, "both workers to be busy");
    await client[Symbol.asyncDispose]();
    await until(() => den.pools.get("default").workers.busy === 0, "both workers to be free");
    assert.equal(den.pools.get("default").stats.cancelled, 2);
    assert.equal(await den.execute("add", { a: 1, b: 2 }), 3);
  });

  Deno.test(`GET /v1/socket goes on when a worker is killed (${carrier})`, async () => {
    await using den = await startDen({ adapter: ["snakeden.demo", "streams"], carrier, size: 1 });
    await using server = serve(den);
    await using client = await SocketClient.open(server.url);
    const args = { n: 1_000_000, delay: 0.01 };
    client.send({ type: "call", id: 1, tool: "numbers", args, stream: true });
    await client.next();
    const [worker] = den.workers.list();
    signalPid(worker?.pid, "SIGKILL");
    const { problem } = await client.last(1);
    assert.equal((problem as { code: string }).code, "worker_crashed");
    client.send({ type: "call", id: 2, tool: "add", args: { a: 1, b: 2 } });
    assert.equal((await client.last(2)).result, 3);
  });
}

Deno.test("GET /v1/socket makes a generator wait for a client that reads slowly", async () => {
  await using den = await startDen({ adapter: ["snakeden.demo", "streams"] });
  await using server = serve(den);
  const { hostname, port } = new URL(server.url);
  using raw = await (await import("../routes/socket/raw_client.ts")).connect(Number(port));
  assert.equal(hostname, "127.0.0.1");
  const { text } = await import("../routes/socket/raw_client.ts");
  const before = Deno.memoryUsage();
  const args = { size: 65_536 };
  await raw.write(
    text(JSON.stringify({ type: "call", id: 1, tool: "endless", args, stream: true })),
  );
  // The generator would make gigabytes in the time of these calls.
  for (let n = 0; n < 2_000; n++) await den.execute("add", { a: n, b: 1 });
  const grown = Deno.memoryUsage().rss - before.rss;
  assert.ok(grown < 128 * 2 ** 20, `${grown} bytes`);
});

Deno.test("GET /v1/socket takes the API key as a header or as a subprotocol, and no other", async () => {
  await using den = await startDen({}, { apiKey: [KEY] });
  await using server = serve(den);
  const encoded = (key: string): string =>
    new TextEncoder().encode(key).toBase64({ alphabet: "base64url", omitPadding: true });
  const headers = { authorization: `Bearer ${KEY}` };
  for (
    const options of [{ headers }, { protocols: ["snakeden.v1", `snakeden.key.${encoded(KEY)}`] }]
  ) {
    await using client = await SocketClient.open(server.url, options);
    assert.equal(client.socket.protocol, "protocols" in options ? "snakeden.v1" : "");
    client.send({ type: "call", id: 1, tool: "add", args: { a: 2, b: 3 } });
    assert.equal((await client.last(1)).result, 5);
  }
  const wrong = ["snakeden.v1", `snakeden.key.${encoded("another-secret-key")}`];
  for (const protocols of [["snakeden.v1"], wrong, ["snakeden.v1", "snakeden.key.*"]]) {
    await assert.rejects(SocketClient.open(server.url, { protocols }), /was closed/);
  }
});
