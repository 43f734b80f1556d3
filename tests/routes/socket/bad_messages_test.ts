/** Tests messages and handshakes that no proper client sends. */
import assert from "node:assert/strict";
import type { CallOptions } from "../../../src/calls/call_options.ts";
import { until } from "../../fixtures/until.ts";
import { memoryEngine, outcomeOf } from "../memory_engine.ts";
import { connect, frameHead, text } from "./raw_client.ts";
import { binary, packed, serveSockets, SocketClient } from "./socket_client.ts";

type Sent = string | Uint8Array<ArrayBuffer>;

function untilAborted({ signal }: CallOptions): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const CALL = '{"type":"call","id":1,"tool":"a"}';
const BYTES = new Uint8Array(1);

function u32(...numbers: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(numbers).buffer);
}

/** The messages of a client, the code of the close, and the field and text of the error. */
const BREACHES: readonly (readonly [string, readonly Sent[], number, string, RegExp])[] = [
  ["no JSON", ["hello"], 1002, "the message", /it is not JSON/],
  ["an empty text", [""], 1002, "the message", /it is empty/],
  ["a list", ["[1]"], 1002, "", /given an array; allowed: an object/],
  ["no type", ['{"id":1}'], 1002, "type", /given undefined; allowed: "call"/],
  ["an unknown type", ['{"type":"x","id":1}'], 1002, "type", /given "x"; allowed: "call", "chunk"/],
  ["no id", ['{"type":"call"}'], 1002, "id", /given undefined; allowed: a whole number/],
  ["a text as id", ['{"type":"end","id":"1"}'], 1002, "id", /given "1"; allowed: a whole/],
  ["an id that is too high", ['{"type":"end","id":4294967296}'], 1002, "id", /4294967295/],
  ["an unknown id", ['{"type":"end","id":7}'], 1002, "id", /given 7, which no call has/],
  ["an item for no call", [binary("item", 7, BYTES)], 1002, "id", /given 7, which no call has/],
  ["an id that is open", [CALL, CALL], 1002, "id", /given 1, but 1 was used already/],
  ["a binary message without head", [new Uint8Array(7)], 1002, "", /given 7 bytes; allowed/],
  ["an unknown kind", [binary(4, 1, BYTES)], 1002, "", /given the kind 4; allowed: 1 \(item\)/],
  [
    "a packed message without a count",
    [binary(3, 1, BYTES)],
    1002,
    "",
    /number of buffers is miss/,
  ],
  ["a packed message of many buffers", [binary(3, 1, u32(65))], 1002, "", /given 65 buffers; all/],
  ["a packed message without lengths", [binary(3, 1, u32(2, 1))], 1002, "", /the lengths of 2 buf/],
  ["a buffer that is too long", [binary(3, 1, u32(1, 9, 0, 0))], 1002, "", /length 9, but 8 bytes/],
  ["a packed message without text", [packed(1, "")], 1002, "the message", /it is empty/],
  ["a packed text that is not UTF-8", [packed(1, u32(0xff))], 1002, "", /is not UTF-8/],
  ["a packed text for another id", [packed(2, CALL)], 1002, "id", /given 1; allowed: 2, as in the/],
  ["a long text", [" ".repeat(131_073)], 1009, "", /given a text of 131073 bytes; allowed/],
  ["a text of many bytes", ["é".repeat(65_537)], 1009, "", /given a text of 131074 bytes/],
  ["a long binary", [binary("buffer", 1, new Uint8Array(4_097))], 1009, "", /given 4097 bytes/],
  [
    "many buffers",
    Array.from({ length: 65 }, () => binary("buffer", 1, BYTES)),
    1008,
    "",
    /given 65 buffers of 65 bytes/,
  ],
];

for (const [what, messages, code, path, pattern] of BREACHES) {
  Deno.test(`GET /v1/socket names what is wrong and closes at ${what}`, async () => {
    const signals: (AbortSignal | undefined)[] = [];
    await using server = serveSockets(memoryEngine({
      config: { limits: { maxUploadBytes: 4_096 } },
      call: (_tool, _args, options) => {
        signals.push(options.signal);
        return untilAborted(options);
      },
    }));
    await using client = await SocketClient.open(server.url);
    for (const it of messages) client.send(it);
    const { type, id, problem } = await client.next();
    assert.deepEqual({ type, id }, { type: "error", id: null });
    const { errors } = problem as { errors: { path: string; message: string }[] };
    assert.equal(errors[0]?.path, path);
    assert.match(errors[0]?.message ?? "", pattern);
    const end = await client.closed;
    assert.equal(end.code, code);
    assert.ok(end.reason.startsWith("Cannot read the message") || path === "the message");
    assert.ok(signals.every((it) => it?.aborted), "its calls are cancelled");
    await until(() => server.sockets.size === 0, "the socket to be gone");
  });
}

const CALLS: readonly (readonly [Record<string, unknown>, string, RegExp])[] = [
  [{}, "tool", /missing; allowed: the name of a tool/],
  [{ tool: 1 }, "tool", /given 1; allowed: a text/],
  [{ tool: "a", args: [] }, "args", /given an array; allowed: an object/],
  [{ tool: "a", timeoutMs: 0 }, "timeoutMs", /given 0; allowed/],
  [{ tool: "a", timeout: 1 }, "timeout", /unknown key; did you mean .*"timeoutMs"/],
  [{ tool: "a", stream: 1 }, "stream", /given 1; allowed: true or false/],
  [{ tool: "a", input: "" }, "input", /given ""; allowed: the name of a parameter/],
  [{ tool: "a", input: "x", args: { x: 1 } }, "args.x", /given twice/],
  [
    { tool: "a", args: { x: { $snakeden: "input", id: 1 } } },
    "args",
    /name the parameter in `input`/,
  ],
];

Deno.test("GET /v1/socket answers a call with a wrong field, and goes on", async () => {
  await using server = serveSockets(memoryEngine({ call: () => Promise.resolve(outcomeOf(1)) }));
  await using client = await SocketClient.open(server.url);
  for (const [i, [fields, path, pattern]] of CALLS.entries()) {
    client.send({ type: "call", id: i, ...fields });
    const { type, id, problem } = await client.next();
    assert.deepEqual({ type, id }, { type: "error", id: i });
    const { errors } = problem as { errors: { path: string; message: string }[] };
    assert.equal(errors[0]?.path, path);
    assert.match(errors[0]?.message ?? "", pattern);
  }
  client.send({ type: "call", id: 100, tool: "a" });
  assert.equal((await client.last(100)).result, 1);
});

const ITEMS: readonly (readonly [Sent, string, RegExp])[] = [
  ['{"type":"chunk","id":1,"value":1}', "id", /the call takes no chunk/],
  ['{"type":"chunk","id":1}', "value", /missing; allowed: the item/],
  ['{"type":"chunk","id":1,"value":1,"x":2}', "x", /unknown key/],
  ['{"type":"end","id":1,"x":2}', "x", /unknown key/],
  ['{"type":"end","id":1}', "id", /the call takes no end/],
  [binary("item", 1, BYTES), "id", /the call takes no chunk/],
];

Deno.test("GET /v1/socket ends a call whose item is wrong, and no other", async () => {
  await using server = serveSockets(memoryEngine({
    call: (tool, _args, options) =>
      tool === "ok" ? Promise.resolve(outcomeOf(1)) : untilAborted(options),
  }));
  for (const [message, path, pattern] of ITEMS) {
    await using client = await SocketClient.open(server.url);
    client.send(CALL);
    client.send(message);
    const { type, id, problem } = await client.next();
    assert.deepEqual({ type, id }, { type: "error", id: 1 });
    const { errors } = problem as { errors: { path: string; message: string }[] };
    assert.equal(errors[0]?.path, path);
    assert.match(errors[0]?.message ?? "", pattern);
    client.send({ type: "call", id: 2, tool: "ok" });
    assert.equal((await client.last(2)).result, 1);
  }
});

Deno.test("GET /v1/socket closes at a packed text that is too long", async () => {
  await using server = serveSockets(memoryEngine());
  await using client = await SocketClient.open(server.url);
  client.send(packed(1, " ".repeat(131_073)));
  const { problem } = await client.next();
  const [error] = (problem as { errors: { message: string }[] }).errors;
  assert.match(error?.message ?? "", /given a text of 131073 bytes/);
  assert.equal((await client.closed).code, 1009);
});

Deno.test("GET /v1/socket cuts the connection at a message of 1 GB, and takes none of it", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  await using server = serveSockets(memoryEngine({
    call: (_tool, _args, options) => {
      signals.push(options.signal);
      return untilAborted(options);
    },
  }));
  using client = await connect(server.port);
  await client.write(text(CALL));
  await until(() => signals.length === 1, "the call to begin");
  await client.write(frameHead(2 ** 30, { opcode: 2 }));
  await client.rest();
  await until(() => server.sockets.size === 0 && signals[0]?.aborted, "the call to be cancelled");
});

Deno.test("GET /v1/socket disconnects a client that answers no ping", async () => {
  await using server = serveSockets(memoryEngine({ config: { limits: { heartbeatMs: 100 } } }));
  using silent = await connect(server.port);
  await using client = await SocketClient.open(server.url);
  await until(() => server.sockets.size === 1, "the silent client to be disconnected");
  assert.equal(client.socket.readyState, WebSocket.OPEN);
  const bytes = await silent.rest();
  // The last message is a close with the code 1001.
  const end = bytes.findLastIndex((it) => it === 0x88);
  assert.deepEqual([...bytes.slice(end + 2, end + 4)], [0x03, 0xe9]);
});

const HANDSHAKES: readonly (readonly [Record<string, string | undefined>, number, RegExp])[] = [
  [{}, 101, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=$/im],
  [{ "sec-websocket-protocol": "x, snakeden.v1" }, 101, /^sec-websocket-protocol: snakeden\.v1$/im],
  [{ origin: "http://localhost" }, 101, /x-request-id/],
  [{ origin: "https://ok.example" }, 101, /access-control-allow-origin: https:\/\/ok\.example/],
  [{ origin: "http://localhost:5173" }, 403, /problem\+json/],
  [{ origin: "https://evil.example" }, 403, /problem\+json/],
  [{ origin: "null" }, 403, /problem\+json/],
  [{ host: "evil.example" }, 403, /problem\+json/],
  [{ upgrade: undefined }, 426, /^upgrade: websocket$/im],
  [{ upgrade: "h2c" }, 426, /problem\+json/],
  [{ connection: "keep-alive" }, 426, /problem\+json/],
  [{ "sec-websocket-version": "8" }, 426, /^sec-websocket-version: 13$/im],
  [{ "sec-websocket-version": undefined }, 426, /problem\+json/],
  [{ "sec-websocket-key": undefined }, 400, /problem\+json/],
  [{ "sec-websocket-key": "short" }, 400, /problem\+json/],
  [{ "sec-websocket-protocol": "graphql-ws" }, 400, /problem\+json/],
];

Deno.test("GET /v1/socket refuses handshakes that are broken, or come from foreign pages", async () => {
  const config = { cors: { origins: ["https://ok.example"] } };
  await using server = serveSockets(memoryEngine({ config }));
  for (const [headers, status, pattern] of HANDSHAKES) {
    using client = await connect(server.port, { headers });
    assert.equal(client.status, status, JSON.stringify(headers));
    assert.match(client.head.replaceAll("\r", ""), pattern);
  }
  const posted = await fetch(`${server.url}/v1/socket`, { method: "POST" });
  assert.equal(posted.status, 405);
  await posted.body?.cancel();
  await until(() => server.sockets.size === 0, "all sockets to be gone");
});
