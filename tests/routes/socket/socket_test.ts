/** Tests calls on a WebSocket, over an engine without Python. */
import assert from "node:assert/strict";
import type { Args, CallOptions } from "../../../src/calls/call_options.ts";
import { SnakedenError } from "../../../src/errors.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { Value } from "../../../src/bridge/mod.ts";
import { until } from "../../fixtures/until.ts";
import { OVER_HTTP } from "../../../src/tools/mod.ts";
import { chunk, done, memoryEngine, outcomeOf, valueOf } from "../memory_engine.ts";
import { binary, serveSockets, SocketClient } from "./socket_client.ts";

const TIMES = { callId: "c-1", workerId: "default-1", durationMs: 1.235, queueMs: 0 };

/** Rejects with the reason of the signal, when it aborts. */
function untilAborted({ signal }: CallOptions): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

Deno.test("GET /v1/socket greets the client with the limits of the connection", async () => {
  await using server = serveSockets(memoryEngine());
  await using client = new SocketClient(server.url, { headers: { "x-request-id": "r-1" } });
  assert.deepEqual(await client.next(), {
    type: "hello",
    requestId: "r-1",
    windowBytes: 262_144,
    maxTextBytes: 131_072,
    maxBinaryBytes: 67_108_855,
    maxCalls: 256,
  });
});

Deno.test("GET /v1/socket runs many calls at once, and answers each as it ends", async () => {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  await using server = serveSockets(memoryEngine({
    call: async (tool, args) => {
      const gate = Promise.withResolvers<void>();
      gates.set(tool, gate);
      await gate.promise;
      return { ...outcomeOf(null), value: valueOf(args) };
    },
  }));
  await using client = await SocketClient.open(server.url);
  for (const id of [1, 2, 3]) client.send({ type: "call", id, tool: `t${id}`, args: { id } });
  await until(() => gates.size === 3, "all calls to begin");
  for (const id of [3, 1, 2]) {
    gates.get(`t${id}`)?.resolve();
    assert.deepEqual(await client.next(), { type: "result", id, result: { id }, ...TIMES });
  }
});

Deno.test("GET /v1/socket passes on all fields of a call", async () => {
  const engine = memoryEngine();
  await using server = serveSockets(engine);
  await using client = await SocketClient.open(server.url, { headers: { "x-request-id": "r-2" } });
  const options = {
    pool: "default",
    sessionId: "s",
    timeoutMs: 5,
    stallTimeoutMs: 4,
    priority: -1,
    arrays: "list",
  };
  client.send({ type: "call", id: 0, tool: "a", ...options });
  await client.last(0);
  const [{ tool, args, options: { signal, ...seen } }] = engine.calls as [typeof engine.calls[0]];
  assert.deepEqual({ tool, args, seen }, {
    tool: "a",
    args: {},
    seen: { ...options, requestId: "r-2", ...OVER_HTTP },
  });
  assert.equal(signal?.aborted, false);
});

Deno.test("GET /v1/socket sends chunks and progress with stream: true", async () => {
  await using server = serveSockets(memoryEngine());
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", stream: true });
  assert.deepEqual(await client.next(), { type: "chunk", id: 1, value: 0 });
  assert.deepEqual(await client.next(), { type: "progress", id: 1, value: { done: 0.5 } });
  assert.deepEqual(await client.next(), { type: "chunk", id: 1, value: 1 });
  assert.deepEqual(await client.next(), { type: "result", id: 1, result: "end", ...TIMES });
});

Deno.test("GET /v1/socket sends bytes and arrays as binary messages", async () => {
  const array = new Float32Array([1, 2]);
  await using server = serveSockets(memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield await Promise.resolve(chunk(new Uint8Array([7, 8])));
      yield chunk({ array, bytes: new Uint8Array([9]), big: 2n ** 60n });
      yield done(new Uint8Array([5]));
    },
  }));
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 258, tool: "a", stream: true });
  const bytes = (...numbers: number[]): Uint8Array => new Uint8Array(numbers);
  assert.deepEqual(await client.next(), { type: "item", id: 258, bytes: bytes(7, 8) });
  const buffer = await client.next();
  assert.equal(buffer.type, "buffer");
  assert.deepEqual(buffer.bytes, new Uint8Array(array.buffer));
  assert.deepEqual(await client.next(), { type: "buffer", id: 258, bytes: bytes(9) });
  assert.deepEqual(await client.next(), {
    type: "chunk",
    id: 258,
    value: {
      array: { $snakeden: "array", dtype: "<f4", shape: [2], buffer: 0 },
      bytes: { $snakeden: "bytes", buffer: 1 },
      big: { $snakeden: "int", value: String(2n ** 60n) },
    },
  });
  assert.deepEqual(await client.next(), { type: "buffer", id: 258, bytes: bytes(5) });
  const result = { $snakeden: "bytes", buffer: 0 };
  assert.deepEqual(await client.next(), { type: "result", id: 258, result, ...TIMES });
});

Deno.test("GET /v1/socket takes bytes and arrays of arguments as binary messages", async () => {
  const engine = memoryEngine();
  await using server = serveSockets(engine);
  await using client = await SocketClient.open(server.url);
  // Those of an id that no call gets are dropped.
  client.send(binary("buffer", 3, new Uint8Array([1])));
  client.send(binary("buffer", 4, new Uint8Array([1, 2])));
  client.send(binary("buffer", 4, new Uint8Array(new Float64Array([0.5]).buffer)));
  client.send({
    type: "call",
    id: 4,
    tool: "a",
    args: {
      array: { $snakeden: "array", dtype: "<f8", shape: [1], buffer: 1 },
      bytes: [{ $snakeden: "bytes", buffer: 0 }, { $snakeden: "bytes", base64: "Aw==" }],
    },
  });
  await client.last(4);
  assert.deepEqual(engine.calls[0]?.args, {
    array: new Float64Array([0.5]),
    bytes: [new Uint8Array([1, 2]), new Uint8Array([3])],
  });
  client.send({ type: "call", id: 5, tool: "a", args: { x: { $snakeden: "bytes", buffer: 0 } } });
  const { problem } = await client.last(5);
  assert.deepEqual((problem as { errors: unknown }).errors, [{
    path: "args",
    message: "Cannot send args.x: its buffer is 0; no buffers came with it",
  }]);
});

Deno.test("GET /v1/socket answers a failed call with a problem, and goes on", async () => {
  await using server = serveSockets(memoryEngine({
    call: (tool) => {
      if (tool === "ok") return Promise.resolve(outcomeOf(1));
      return Promise.reject(new SnakedenError("unknown_tool", `There is no tool ${tool}`));
    },
  }));
  await using client = await SocketClient.open(server.url, { headers: { "x-request-id": "r-3" } });
  client.send({ type: "call", id: 1, tool: "no" });
  assert.deepEqual(await client.next(), {
    type: "error",
    id: 1,
    problem: {
      type: "urn:snakeden:error:unknown_tool",
      title: "There is no such tool",
      status: 404,
      detail: "There is no tool no",
      code: "unknown_tool",
      retryable: false,
      requestId: "r-3",
    },
  });
  client.send({ type: "call", id: 2, tool: "ok" });
  assert.equal((await client.next()).result, 1);
});

Deno.test("GET /v1/socket cancels a call, and no other", async () => {
  const signals = new Map<string, AbortSignal | undefined>();
  await using server = serveSockets(memoryEngine({
    call: (tool, _args, options) => {
      signals.set(tool, options.signal);
      return untilAborted(options);
    },
  }));
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a" });
  client.send({ type: "call", id: 2, tool: "b" });
  client.send({ type: "cancel", id: 1 });
  const { problem } = await client.last(1);
  assert.equal((problem as { code: string }).code, "cancelled");
  assert.equal(signals.get("b")?.aborted, false);
  // The call has ended, so this is late rather than wrong.
  client.send({ type: "cancel", id: 1 });
  client.send({ type: "end", id: 1 });
  client.send(binary("item", 1, new Uint8Array([1])));
  client.send({ type: "cancel", id: 2 });
  assert.equal((await client.last(2)).id, 2);
});

for (const how of ["closes", "cuts"]) {
  Deno.test(`GET /v1/socket cancels all calls of a client that ${how} its connection`, async () => {
    const seen: AbortSignal[] = [];
    await using server = serveSockets(memoryEngine({
      call: (_tool, _args, options) => {
        if (options.signal !== undefined) seen.push(options.signal);
        return untilAborted(options);
      },
      events: async function* (options): AsyncGenerator<StreamEvent> {
        if (options.signal !== undefined) seen.push(options.signal);
        yield chunk(0);
        await untilAborted(options);
      },
    }));
    if (how === "closes") {
      const client = await SocketClient.open(server.url);
      client.send({ type: "call", id: 1, tool: "a" });
      client.send({ type: "call", id: 2, tool: "a", stream: true });
      await until(() => seen.length === 2, "both calls to begin");
      await client[Symbol.asyncDispose]();
    } else {
      const { connect, text } = await import("./raw_client.ts");
      using raw = await connect(server.port);
      await raw.write(text('{"type":"call","id":1,"tool":"a"}'));
      await raw.write(text('{"type":"call","id":2,"tool":"a","stream":true}'));
      await until(() => seen.length === 2, "both calls to begin");
    }
    await until(() => seen.every((it) => it.aborted), "both calls to be cancelled");
    await until(() => server.sockets.size === 0, "the socket to be gone");
  });
}

Deno.test("GET /v1/socket ends at a stop of the server with 1001, and opens no more", async () => {
  await using server = serveSockets(memoryEngine());
  const client = await SocketClient.open(server.url);
  await server.sockets.close();
  const { code, reason, wasClean } = await client.closed;
  assert.deepEqual({ code, reason, wasClean }, {
    code: 1001,
    reason: "the server is stopping",
    wasClean: true,
  });
  assert.equal(server.sockets.size, 0);
  const answer = await fetch(`${server.url}/v1/socket`);
  assert.equal(answer.status, 426);
  await answer.body?.cancel();
  const late = new SocketClient(server.url);
  await assert.rejects(late.next(), /was closed/);
});

Deno.test("GET /v1/socket refuses a call too many, and a socket too many", async () => {
  await using server = serveSockets(memoryEngine({
    config: { limits: { maxSocketCalls: 1, maxSockets: 1 } },
    call: (_tool, _args, options) => untilAborted(options),
  }));
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a" });
  client.send({ type: "call", id: 2, tool: "a" });
  const { id, problem } = await client.next();
  const { code, detail, details } = problem as Record<string, unknown>;
  assert.deepEqual({ id, code, details }, {
    id: 2,
    code: "server_busy",
    details: { maxSocketCalls: 1 },
  });
  assert.match(String(detail), /limits\.maxSocketCalls/);
  await assert.rejects(new SocketClient(server.url).next(), /was closed/);
  assert.equal(server.sockets.size, 1);
});

Deno.test("GET /v1/socket refuses a result whose JSON is longer than a message may be", async () => {
  await using server = serveSockets(memoryEngine({
    config: { limits: { maxBodyBytes: 2_048 } },
    call: (_tool: string, args: Args) => {
      const { n } = (args as Value).decode() as { n: number };
      return Promise.resolve(outcomeOf("x".repeat(n)));
    },
  }));
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", args: { n: 2_048 } });
  assert.equal(((await client.last(1)).problem as { code: string }).code, "result_too_large");
  client.send({ type: "call", id: 2, tool: "a", args: { n: 1_000 } });
  assert.equal((await client.last(2)).result, "x".repeat(1_000));
});
