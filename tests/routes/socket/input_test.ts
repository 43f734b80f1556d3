/** Tests the items that a client sends to a running tool. */
import assert from "node:assert/strict";
import type { Args, CallOptions } from "../../../src/calls/call_options.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { InputQueue } from "../../../src/routes/socket/input_queue.ts";
import { until } from "../../fixtures/until.ts";
import { chunk, done, type MemoryEngine, memoryEngine, outcomeOf } from "../memory_engine.ts";
import { binary, serveSockets, SocketClient } from "./socket_client.ts";

const NO_ROOM: Disposable = { [Symbol.dispose]: () => {} };

function itemsOf(args: Args): AsyncIterable<unknown> {
  return (args as { readonly items: AsyncIterable<unknown> }).items;
}

/** An engine whose tool gets its arguments as the library passes them. */
function engine(
  run: (items: AsyncIterable<unknown>, args: Args) => AsyncIterable<StreamEvent>,
): MemoryEngine {
  return {
    ...memoryEngine(),
    stream: (_tool, args) => ({ events: () => run(itemsOf(args), args) }),
  };
}

Deno.test("GET /v1/socket passes the items of a client to its tool, and answers each", async () => {
  const seen: unknown[] = [];
  const host = engine(async function* (items, args): AsyncGenerator<StreamEvent> {
    const { items: _items, ...others } = args as Record<string, unknown>;
    seen.push(others);
    for await (const item of items) {
      seen.push(item);
      yield chunk(seen.length);
    }
    yield done("end");
  });
  await using server = serveSockets(host);
  await using client = await SocketClient.open(server.url);
  const args = { rate: 16_000, big: 2 ** 40 };
  client.send({ type: "call", id: 1, tool: "a", args, input: "items", stream: true });
  client.send(binary("item", 1, new Uint8Array([1, 2])));
  assert.equal((await client.next()).value, 2);
  client.send({ type: "chunk", id: 1, value: { x: [1, null, "é"] } });
  assert.equal((await client.next()).value, 3);
  client.send(binary("buffer", 1, new Uint8Array(new Int16Array([5, -5]).buffer)));
  const value = { $snakeden: "array", dtype: "<i2", shape: [2], buffer: 0 };
  client.send({ type: "chunk", id: 1, value });
  assert.equal((await client.next()).value, 4);
  client.send({ type: "end", id: 1 });
  assert.equal((await client.next()).result, "end");
  assert.deepEqual(seen, [
    args,
    new Uint8Array([1, 2]),
    { x: [1, null, "é"] },
    new Int16Array([5, -5]),
  ]);
});

Deno.test("GET /v1/socket takes input for a call that does not stream", async () => {
  await using server = serveSockets({
    ...memoryEngine(),
    call: async (_tool, args) => {
      let sum = 0;
      for await (const item of itemsOf(args)) sum += Number(item);
      return outcomeOf(sum);
    },
  });
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", input: "items" });
  for (let n = 1; n <= 100; n++) client.send({ type: "chunk", id: 1, value: n });
  client.send({ type: "end", id: 1 });
  assert.equal((await client.last(1)).result, 5_050);
});

/** Rejects with the reason of the signal, when it aborts. */
function untilAborted({ signal }: CallOptions): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

Deno.test("GET /v1/socket ends a call with a second end, or an item after it", async () => {
  await using server = serveSockets({
    ...memoryEngine(),
    call: (_tool, _args, options) => untilAborted(options),
  });
  await using client = await SocketClient.open(server.url);
  for (const [id, late] of [[1, "end"], [2, "chunk"]] as const) {
    client.send({ type: "call", id, tool: "a", input: "items" });
    client.send({ type: "end", id });
    client.send({ type: late, id, ...(late === "chunk" ? { value: 1 } : {}) });
    const { problem } = await client.last(id);
    assert.match(String((problem as { detail: string }).detail), /the input has ended/);
  }
});

Deno.test("GET /v1/socket ends the call of a client that floods its tool, and holds no more", async () => {
  let taken = 0;
  await using server = serveSockets({
    ...memoryEngine(),
    call: async (_tool, args, options) => {
      await itemsOf(args)[Symbol.asyncIterator]().next();
      taken++;
      return await untilAborted(options);
    },
  });
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", input: "items" });
  const frame = binary("item", 1, new Uint8Array(16_384));
  for (let n = 0; n < 100; n++) client.send(frame);
  const { id, problem } = await client.next();
  const { code, details } = problem as Record<string, unknown>;
  assert.deepEqual({ id, code, details }, {
    id: 1,
    code: "body_too_large",
    details: { windowBytes: 262_144 },
  });
  assert.equal(taken, 1);
  assert.equal(client.socket.readyState, WebSocket.OPEN);
});

Deno.test("GET /v1/socket gives credit as the tool takes items, so any number gets through", async () => {
  let bytes = 0;
  const host = engine(async function* (items): AsyncGenerator<StreamEvent> {
    for await (const item of items) bytes += (item as Uint8Array).byteLength;
    yield done(bytes);
  });
  await using server = serveSockets(host);
  await using client = new SocketClient(server.url);
  const { windowBytes } = await client.next();
  let credit = Number(windowBytes);
  client.send({ type: "call", id: 1, tool: "a", input: "items", stream: true });
  const frame = binary("item", 1, new Uint8Array(10_000));
  for (let n = 0; n < 500; n++) {
    while (credit <= 0) credit += Number((await client.next()).bytes);
    client.send(frame);
    credit -= frame.byteLength + 64;
  }
  client.send({ type: "end", id: 1 });
  assert.equal((await client.last(1)).result, 5_000_000);
});

Deno.test("GET /v1/socket reserves memory for input, and refuses a call when there is none", async () => {
  await using server = serveSockets({
    ...memoryEngine({ config: { limits: { maxArgumentsBytes: 300_000 } } }),
    call: (_tool, _args, options) => untilAborted(options),
  });
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", input: "items" });
  client.send({ type: "call", id: 2, tool: "a", input: "items" });
  assert.equal(((await client.last(2)).problem as { code: string }).code, "server_busy");
  client.send({ type: "cancel", id: 1 });
  await client.last(1);
  client.send({ type: "call", id: 3, tool: "a", input: "items" });
  client.send({ type: "cancel", id: 3 });
  assert.equal(((await client.last(3)).problem as { code: string }).code, "cancelled");
});

function queue(windowBytes = 1_000): { readonly it: InputQueue; readonly credits: number[] } {
  const credits: number[] = [];
  const it = new InputQueue({
    windowBytes,
    hold: () => NO_ROOM,
    onCredit: (bytes) => credits.push(bytes),
  });
  return { it, credits };
}

Deno.test("InputQueue takes one item beyond its credit, and no second one", async () => {
  const { it, credits } = queue();
  it.push("a", 5_000);
  assert.throws(() => it.push("b", 1), { code: "body_too_large" });
  const items = it[Symbol.asyncIterator]();
  assert.deepEqual(await items.next(), { value: "a", done: false });
  assert.deepEqual(credits, [5_064]);
  it.push("c", 1);
  assert.deepEqual(await items.next(), { value: "c", done: false });
});

Deno.test("InputQueue releases the room of a large item when it is taken or dropped", async () => {
  let held = 0;
  const it = new InputQueue({
    windowBytes: 1_000,
    hold: (bytes) => {
      held += bytes;
      return { [Symbol.dispose]: () => void (held -= bytes) };
    },
    onCredit: () => {},
  });
  const items = it[Symbol.asyncIterator]();
  it.push("a", 2_000);
  assert.equal(held, 2_000);
  await items.next();
  assert.equal(held, 0);
  it.push("b", 3_000);
  it.fail(new Error("gone"));
  assert.equal(held, 0);
  await assert.rejects(items.next(), /gone/);
});

Deno.test("InputQueue yields what waits before its end, and wakes a reader that waits", async () => {
  const { it } = queue();
  const items = it[Symbol.asyncIterator]();
  const first = items.next();
  it.push(1, 1);
  it.push(2, 1);
  it.end();
  assert.deepEqual(await first, { value: 1, done: false });
  assert.deepEqual(await items.next(), { value: 2, done: false });
  assert.deepEqual(await items.next(), { value: undefined, done: true });
});

Deno.test("InputQueue drops items once the tool reads no more, and keeps giving credit", async () => {
  const { it, credits } = queue();
  it.push(1, 300);
  const items = it[Symbol.asyncIterator]();
  await items.return?.();
  for (let n = 0; n < 20; n++) it.push(n, 300);
  await until(() => credits.length > 5, "credits");
  assert.deepEqual(await items.next(), { value: undefined, done: true });
});
