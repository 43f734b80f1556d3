/**
 * Tests that a message that no worker of this version sends ends the link, with a reason, and
 * affects nothing else.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { BridgeServer, type CallListener, type Link, Value } from "../../src/bridge/mod.ts";
import { snakeden, type WorkerMessageInit } from "../../src/bridge/gen/link.js";
import { until } from "../fixtures/until.ts";
import { type DialedWorker, dialWorker, hello, testEachCarrier } from "./dialed_worker.ts";

const { WorkerFrame: workerFrame } = snakeden.v1;

const DEAF: CallListener = {
  onResult: () => {},
  onFailure: () => {},
  onChunk: () => {},
  onProgress: () => {},
  onRecalled: () => {},
};

interface Attached {
  readonly worker: DialedWorker;
  readonly link: Link;
  /** The ids of an open call and an open stream. */
  readonly call: number;
  readonly stream: number;
  readonly closed: string[];
}

/** Returns the link of a worker that is ready and has two calls. */
async function attach(bridge: BridgeServer, address: string): Promise<Attached> {
  const token = crypto.randomUUID();
  const closed: string[] = [];
  const invited = bridge.invite({
    workerId: "default-1",
    token,
    events: { onLog: () => {}, onClosed: (reason) => closed.push(reason) },
    signal: new AbortController().signal,
  });
  const worker = dialWorker(address);
  worker.say(hello(token));
  const link = await invited;
  const ready = link.welcome({});
  worker.say({ ready: {} });
  await ready;
  const request = { tool: "t", args: Value.from({}), timeoutMs: 0, sessionId: "", requestId: "" };
  const call = link.call({ ...request, stream: false, windowBytes: 0 }, DEAF);
  const stream = link.call({ ...request, stream: true, windowBytes: 100 }, DEAF);
  return { worker, link, call, stream, closed };
}

const ONE = Value.from(1).wire;

type Breach = (it: Attached) => WorkerMessageInit[];

const BREACHES: readonly [string, Breach, RegExp][] = [
  ["a second hello", () => [hello("again")], /^hello from a worker that is serving$/],
  ["ready twice", () => [{ ready: {} }], /^ready from a worker/],
  ["a failed start after ready", () => [{ startFailed: {} }], /^startFailed from a worker/],
  [
    "leaving twice",
    () => [{ leaving: {} }, { leaving: {} }],
    /^leaving from a worker that is leaving$/,
  ],
  ["nothing", () => [], /^an empty frame$/],
  ["an empty message", () => [{}], /^an unknown message/],
  [
    "a result twice",
    ({ call: id }) => [{ result: { id, runMs: 1 } }, { result: { id, runMs: 1 } }],
    /^an answer to the call \d+, which is not open$/,
  ],
  ["a result of no call", () => [{ result: { id: 77, runMs: 1 } }], /^an answer to the call 77/],
  ["a failure of call 0", () => [{ failure: { id: 0 } }], /^an answer to the call 0/],
  ["recall of no call", () => [{ recalled: { ids: [77] } }], /^an answer to the call 77/],
  [
    "a chunk of no stream",
    ({ call: id }) => [{ chunk: { id, value: ONE } }],
    /^a chunk of the call/,
  ],
  [
    "a chunk after the result",
    ({ stream: id }) => [{ result: { id, runMs: 1 } }, { chunk: { id, value: ONE } }],
    /^a chunk of the call \d+, which is not an open stream$/,
  ],
  [
    "chunks beyond the window",
    ({ stream: id }) => Array.from({ length: 50 }, () => ({ chunk: { id, value: ONE } })),
    /^chunks of the call \d+ far beyond its window$/,
  ],
  ["progress of no call", () => [{ progress: { id: 77, value: ONE } }], /^progress of the call 77/],
  ["an ask of no call", () => [{ ask: { id: 1, callId: 77 } }], /^an ask of the call 77, which/],
  ["an ask without an id", ({ call: callId }) => [{ ask: { callId } }], /without an id$/],
  [
    "an ask whose arguments are in memory that is not shared",
    ({ call: callId }) => [
      { ask: { id: 1, callId, args: { shared: [{ index: 0, offset: 0, length: 9 }] } } },
    ],
    /^a buffer of the worker cannot be read/,
  ],
  ["a pong to no ping", () => [{ pong: { id: 77 } }], /^a pong to the ping 77/],
  ["memory that is no number", () => [{ pong: { id: 0, rssBytes: NaN } }], /^NaN bytes/],
  ["memory below 0", () => [{ pong: { id: 0, rssBytes: -1 } }], /^-1 bytes/],
  [
    "time below 0",
    ({ call: id }) => [{ result: { id, runMs: -1 } }],
    /^a call that ran for -1 ms$/,
  ],
  [
    "endless time",
    ({ call: id }) => [{ failure: { id, runMs: Infinity } }],
    /ran for Infinity ms$/,
  ],
  [
    "a buffer in memory that is not shared",
    ({ call: id }) => [{ result: { id, value: { shared: [{ index: 0, offset: 0, length: 9 }] } } }],
    /^a buffer of the worker cannot be read/,
  ],
];

testEachCarrier(
  "Link ends on a message that breaks the protocol, and names it",
  async (kind) => {
    await withBridge(async (bridge) => {
      for (const [name, breach, reason] of BREACHES) {
        const it = await attach(bridge, bridge.address(kind));
        await using _worker = it.worker;
        it.worker.say(...breach(it));
        await until(() => it.closed.length > 0, `${name} ends the link`);
        assert.match(it.link.breach ?? "", reason, name);
        assert.deepStrictEqual(it.closed, [it.link.breach]);
        await it.worker.ended();
      }
    });
  },
);

testEachCarrier("Link ends on bytes that form no frame", async (kind) => {
  await withBridge(async (bridge) => {
    for (const bytes of [[0x0a, 0xff], [0xff, 0xff, 0xff], [0x0a, 0x02, 0x22, 0x7f]]) {
      const it = await attach(bridge, bridge.address(kind));
      await using _worker = it.worker;
      it.worker.sayBytes(new Uint8Array(bytes));
      await until(() => it.closed.length > 0, "it ends the link");
      assert.match(it.link.breach ?? "", /^a frame cannot be decoded: /);
    }
  });
});

testEachCarrier("Link handles any frame without an effect on another link", async (kind) => {
  await withBridge(async (bridge) => {
    const steady = await attach(bridge, bridge.address(kind));
    await using _steady = steady.worker;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(bytes, frame), { minLength: 1, maxLength: 5 }),
        async (frames) => {
          const it = await attach(bridge, bridge.address(kind));
          await using _worker = it.worker;
          for (const each of frames) it.worker.sayBytes(each);
          it.worker.sayBytes(new Uint8Array());
          await until(() => it.closed.length > 0, "the empty frame ends it, if nothing did before");
          assert.equal(it.closed.length, 1);
          assert.equal(steady.link.closedReason, undefined);
        },
      ),
      { numRuns: 60, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
    );
    const pinged = steady.link.ping(new AbortController().signal);
    const { id = 0 } = await steady.worker.hear("ping");
    steady.worker.say({ pong: { id } });
    await pinged;
  });
});

const bytes = fc.uint8Array({ maxLength: 200 });
const id = fc.oneof(fc.constantFrom(0, 1, 2, 3), fc.nat());
const amount = fc.double();
const value = fc.record({
  json: fc.uint8Array({ maxLength: 20 }),
  tagged: fc.boolean(),
  buffers: fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 2 }),
  shared: fc.array(fc.record({ index: id, offset: id, length: id }), { maxLength: 2 }),
});
const message: fc.Arbitrary<WorkerMessageInit> = fc.oneof(
  fc.record({ result: fc.record({ id, value, runMs: amount }) }),
  fc.record({ chunk: fc.record({ id, value }) }),
  fc.record({ progress: fc.record({ id, value }) }),
  fc.record({ ask: fc.record({ id, callId: id, method: fc.string(), args: value }) }),
  fc.record({ failure: fc.record({ id, runMs: amount }) }),
  fc.record({ pong: fc.record({ id, rssBytes: amount }) }),
  fc.record({ recalled: fc.record({ ids: fc.array(id, { maxLength: 3 }) }) }),
  fc.record({ release: fc.record({ offsets: fc.array(id, { maxLength: 3 }) }) }),
  fc.record({ log: fc.record({ level: id, message: fc.string(), time: amount }) }),
  fc.constantFrom({ ready: {} }, { startFailed: {} }, { leaving: {} }, hello("x"), {}),
);
const frame = fc.array(message, { maxLength: 5 })
  .map((messages) => workerFrame.encode({ messages }).finish());

async function withBridge(test: (bridge: BridgeServer) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  try {
    await using bridge = await BridgeServer.listen(directory);
    await test(bridge);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
