import assert from "node:assert/strict";
import { join } from "node:path";
import { type HostMessage, snakeden, type WorkerMessage } from "../../../../src/bridge/gen/link.js";
import { SocketCarrier } from "../../../../src/bridge/carriers/socket/socket_carrier.ts";
import { until } from "../../../fixtures/until.ts";

const { HostFrame: hostFrame, WorkerFrame: workerFrame } = snakeden.v1;

interface SetUp extends AsyncDisposable {
  readonly carrier: SocketCarrier;
  /** The worker's end of the socket. */
  readonly worker: Deno.Conn;
  readonly received: WorkerMessage[];
  readonly drains: () => number;
  readonly closed: Promise<string>;
}

async function setUp(): Promise<SetUp> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  const path = join(directory, "link.sock");
  const listener = Deno.listen({ transport: "unix", path });
  const [host, worker] = await Promise.all([
    listener.accept(),
    Deno.connect({ transport: "unix", path }),
  ]);
  listener.close();
  const carrier = new SocketCarrier(host);
  const received: WorkerMessage[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  let drains = 0;
  carrier.events = {
    onFrame: ({ messages }) => received.push(...messages),
    onDrain: () => drains++,
    onClosed: resolve,
  };
  return {
    carrier,
    worker,
    received,
    drains: () => drains,
    closed: promise,
    async [Symbol.asyncDispose](): Promise<void> {
      carrier.close();
      await carrier.ended;
      try {
        worker.close();
      } catch (error) {
        if (!(error instanceof Deno.errors.BadResource)) throw error;
      }
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function framed(body: Uint8Array, length = body.byteLength): Uint8Array {
  const bytes = new Uint8Array(4 + body.byteLength);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes.set(body, 4);
  return bytes;
}

function result(id: number, json = "1"): Uint8Array {
  const value = { json: new TextEncoder().encode(json) };
  return framed(workerFrame.encode({ messages: [{ result: { id, value } }] }).finish());
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += await conn.write(bytes.subarray(at));
}

Deno.test("SocketCarrier reads many frames at once, and one frame in pieces", async () => {
  await using it = await setUp();
  await writeAll(it.worker, joined(result(1), result(2), result(3).subarray(0, 6)));
  await until(() => it.received.length === 2, "the whole frames are there");
  for (const byte of result(3).subarray(6)) await it.worker.write(new Uint8Array([byte]));
  await until(() => it.received.length === 3, "the frame in pieces is there");
  assert.deepStrictEqual(it.received.map((message) => message.result?.id), [1, 2, 3]);
});

Deno.test("SocketCarrier does not count a few bytes of a frame as a sign of life", async () => {
  await using it = await setUp();
  const large = result(2, JSON.stringify("x".repeat(200_000)));
  await writeAll(it.worker, result(1));
  await until(() => it.received.length === 1, "the first frame is there");
  const { heard } = it.carrier;
  for (let at = 0; at < 500; at++) await it.worker.write(large.subarray(at, at + 1));
  // Each write takes a turn of the event loop, in which the carrier reads.
  assert.equal(it.carrier.heard, heard);
  await writeAll(it.worker, large.subarray(500, 100_000));
  await until(() => it.carrier.heard > heard, "a good part of a frame is one");
  await writeAll(it.worker, large.subarray(100_000));
  await until(() => it.received.length === 2, "the second frame is there");
});

Deno.test("SocketCarrier never changes earlier values, however much it reads later", async () => {
  await using it = await setUp();
  const text = (id: number): string => JSON.stringify("x".repeat(id % 7_000));
  const sent = Array.from({ length: 500 }, (_, i) => i + 1);
  const writing = (async () => {
    for (const id of sent) await writeAll(it.worker, result(id, text(id)));
  })();
  await until(() => it.received.length === sent.length, "all frames are there");
  await writing;
  const read = it.received.map(({ result }) =>
    `${result?.id} ${new TextDecoder().decode(result?.value?.json)}`
  );
  assert.deepStrictEqual(read, sent.map((id) => `${id} ${text(id)}`));
});

Deno.test("SocketCarrier reads a frame larger than a block", async () => {
  await using it = await setUp();
  const text = JSON.stringify("x".repeat(3 << 20));
  const writing = writeAll(it.worker, joined(result(1), result(2, text), result(3)));
  await until(() => it.received.length === 3, "all frames are there");
  await writing;
  assert.equal(it.received[1]?.result?.value?.json.byteLength, text.length);
});

Deno.test("SocketCarrier.send() returns false while it writes, and onDrain follows", async () => {
  await using it = await setUp();
  assert.equal(it.carrier.send([{ ping: { id: 7 } }]), false);
  await until(() => it.drains() === 1, "the frame is written");
  const bytes = new Uint8Array(64);
  const count = await it.worker.read(bytes) ?? 0;
  assert.equal(new DataView(bytes.buffer).getUint32(0, true), count - 4);
  const { messages } = hostFrame.decode(bytes.subarray(4, count));
  assert.deepStrictEqual(messages.map(({ ping }: HostMessage) => ping?.id), [7]);
});

Deno.test("SocketCarrier.defer() flushes a quiet link once the running code is done", async () => {
  await using it = await setUp();
  const steps: string[] = [];
  it.carrier.defer(() => steps.push("flush"));
  steps.push("the running code is done");
  await Promise.resolve();
  assert.deepStrictEqual(steps, ["the running code is done", "flush"]);
});

Deno.test("SocketCarrier.close() finishes the current write first", async () => {
  await using it = await setUp();
  const json = new Uint8Array(4 << 20).fill(0x20);
  it.carrier.send([{ call: { id: 1, args: { json } } }]);
  it.carrier.close();
  let received = 0;
  const buffer = new Uint8Array(1 << 20);
  for (let n = await it.worker.read(buffer); n !== null; n = await it.worker.read(buffer)) {
    received += n;
  }
  assert.ok(received > json.byteLength, `${received} bytes came`);
});

Deno.test("SocketCarrier reads all frames of a worker that no longer reads", async () => {
  await using it = await setUp();
  const frames = Array.from({ length: 30 }, (_, i) => result(i + 1, `"${"x".repeat(5_000)}"`));
  await writeAll(it.worker, joined(...frames));
  it.worker.close();
  it.carrier.send([{ stop: {} }]);
  await it.closed;
  assert.equal(it.received.length, frames.length);
});

Deno.test("SocketCarrier reports the end of the stream once", async () => {
  for (
    const [bytes, reason] of [
      [new Uint8Array(), /the worker is gone/],
      [framed(new Uint8Array(), 0xffff_ffff), /A frame of 4294967295 bytes was announced/],
      [framed(new Uint8Array([0x0a, 0xff])), /index out of range|RangeError/],
    ] as const
  ) {
    await using it = await setUp();
    if (bytes.byteLength > 0) await writeAll(it.worker, bytes);
    else it.worker.close();
    assert.match(await it.closed, reason);
    assert.equal(it.carrier.send([]), true);
  }
});
