/** Tests packed messages of a WebSocket: a text message together with its buffers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import {
  chunk,
  done,
  memoryEngine,
  type MemoryEngineOptions,
  outcomeOf,
  valueOf,
} from "../memory_engine.ts";
import { readBinary } from "../../../src/routes/socket/frames.ts";
import { decodeText, readPacked, writePacked } from "../../../src/routes/socket/packed.ts";
import { binary, packed, serveSockets, SocketClient } from "./socket_client.ts";

const BUFFER_0 = { $snakeden: "bytes", buffer: 0 };
const SAMPLES = new Float64Array([0.5, -0.25]);
const ARRAY = { $snakeden: "array", dtype: "<f8", shape: [2], buffer: 1 };

/** Calls that return their arguments, with the buffers of these. */
const ECHO: MemoryEngineOptions = {
  call: (_tool, args) => Promise.resolve({ ...outcomeOf(null), value: valueOf(args) }),
};

function bytes(...numbers: number[]): Uint8Array {
  return new Uint8Array(numbers);
}

Deno.test("GET /v1/socket takes a call and its buffers in one message, and answers in one", async () => {
  const engine = memoryEngine(ECHO);
  await using server = serveSockets(engine);
  await using client = await SocketClient.open(server.url);
  const args = { pcm: BUFFER_0, array: ARRAY, n: 1 };
  const buffers = [bytes(1, 2, 3), new Uint8Array(SAMPLES.buffer)];
  client.send(packed(7, { type: "call", id: 7, tool: "a", args }, buffers));
  const { type, id, result, buffers: sent } = await client.next();
  assert.deepEqual({ type, id, result, sent }, {
    type: "result",
    id: 7,
    result: args,
    sent: buffers,
  });
});

Deno.test("GET /v1/socket sends values without buffers, and large ones, as other messages", async () => {
  await using server = serveSockets(memoryEngine(ECHO));
  await using client = await SocketClient.open(server.url);
  client.send(packed(1, { type: "call", id: 1, tool: "a", args: { n: 1 } }));
  const plain = await client.next();
  assert.deepEqual([plain.result, plain.buffers], [{ n: 1 }, undefined]);
  const large = new Uint8Array(256 * 1024 + 1);
  client.send(binary("buffer", 2, large));
  client.send(packed(2, { type: "call", id: 2, tool: "a", args: { x: BUFFER_0 } }));
  assert.equal((await client.next()).bytes?.length, large.length);
  assert.deepEqual((await client.next()).result, { x: BUFFER_0 });
});

Deno.test("GET /v1/socket counts buffers sent before a packed message first", async () => {
  await using server = serveSockets(memoryEngine(ECHO));
  await using client = await SocketClient.open(server.url);
  client.send(binary("buffer", 1, bytes(1)));
  const args = { a: BUFFER_0, b: { ...BUFFER_0, buffer: 1 } };
  client.send(packed(1, { type: "call", id: 1, tool: "a", args }, [bytes(2)]));
  assert.deepEqual((await client.next()).buffers, [bytes(1), bytes(2)]);
});

Deno.test("GET /v1/socket streams chunks packed, and bytes as items", async () => {
  await using server = serveSockets(memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield await Promise.resolve(chunk(bytes(7)));
      yield chunk({ x: bytes(8) });
      yield done("end");
    },
  }));
  await using client = await SocketClient.open(server.url);
  client.send(packed(1, { type: "call", id: 1, tool: "a", stream: true }));
  assert.deepEqual(await client.next(), { type: "item", id: 1, bytes: bytes(7) });
  const value = { x: BUFFER_0 };
  assert.deepEqual(await client.next(), { type: "chunk", id: 1, value, buffers: [bytes(8)] });
  assert.equal((await client.next()).result, "end");
});

Deno.test("GET /v1/socket takes items of an input packed", async () => {
  const seen: unknown[] = [];
  await using server = serveSockets(memoryEngine({
    call: async (_tool, args) => {
      const { items } = args as { items: AsyncIterable<unknown> };
      for await (const item of items) seen.push(item);
      return outcomeOf(seen.length);
    },
  }));
  await using client = await SocketClient.open(server.url);
  client.send({ type: "call", id: 1, tool: "a", input: "items" });
  const item = { type: "chunk", id: 1, value: { at: 20, pcm: BUFFER_0 } };
  client.send(packed(1, item, [bytes(1, 2)]));
  client.send(packed(1, { type: "end", id: 1 }));
  assert.equal((await client.last(1)).result, 1);
  assert.deepEqual(seen, [{ at: 20, pcm: bytes(1, 2) }]);
});

Deno.test("writePacked() writes what readPacked() reads, with aligned buffers", () => {
  const buffer = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(
      fc.nat(2 ** 32 - 1),
      fc.string({ unit: "grapheme" }),
      fc.array(buffer, { maxLength: 64 }),
      (id, text, buffers) => {
        const message = new Uint8Array(writePacked(id, { text, buffers }));
        const frame = readBinary(message.buffer);
        assert.ok(typeof frame !== "string");
        assert.deepEqual([frame.kind, frame.id], ["packed", id]);
        const read = readPacked(frame.bytes);
        assert.ok(typeof read !== "string", String(read));
        assert.equal(decodeText(read.text), text);
        assert.deepEqual(read.buffers.map((it) => [...it]), buffers.map((it) => [...it]));
        assert.ok(read.buffers.every((it) => it.byteOffset % 8 === 0));
      },
    ),
  );
});

Deno.test("readPacked() reads any bytes, or says what is wrong with them", () => {
  fc.assert(
    fc.property(fc.nat(4), fc.uint8Array({ maxLength: 60 }), (count, rest) => {
      const message = binary(3, 1, new Uint8Array([count, 0, 0, 0, ...rest]));
      const frame = readBinary(message.buffer);
      assert.ok(typeof frame !== "string");
      const read = readPacked(frame.bytes);
      if (typeof read === "string") assert.notEqual(read, "");
      else assert.equal(read.buffers.length, count);
    }),
  );
});
