import assert from "node:assert/strict";
import {
  type CallListener,
  ItemList,
  Link,
  type OutgoingCall,
  Value,
} from "../../src/bridge/mod.ts";
import type { Hello, Log } from "../../src/bridge/gen/link.js";
import { SnakedenError } from "../../src/errors.ts";
import { FakeCarrier } from "../fixtures/fakes/fake_carrier.ts";
import { microtasks } from "../fixtures/until.ts";

const HELLO: Hello = {
  protocolVersion: 1,
  workerId: "default-1",
  token: "t",
  pid: 7,
  pythonVersion: "3.11.0",
  packageVersion: "0.1.0",
  device: "",
};

const NEVER = new AbortController().signal;

function setUp(maxId?: number): { link: Link; carrier: FakeCarrier; events: string[] } {
  const carrier = new FakeCarrier();
  const events: string[] = [];
  const link = new Link(HELLO, carrier, {
    onLog: (entry: Log) => events.push(`log ${entry.message}`),
    onClosed: (reason) => events.push(`closed: ${reason}`),
  }, maxId);
  return { link, carrier, events };
}

function outgoing(options: Partial<OutgoingCall> = {}): OutgoingCall {
  return {
    tool: "add",
    args: Value.from({ a: 1 }),
    timeoutMs: 1_500.5,
    stream: false,
    windowBytes: 0,
    sessionId: "",
    requestId: "r1",
    number: 0,
    arrays: 0,
    ...options,
  };
}

/** A listener that records its events. */
function listener(heard: string[], name = ""): CallListener {
  return {
    onResult: (value, runMs) => heard.push(`${name}result ${value.jsonText()} ${runMs}`),
    onFailure: (error, runMs) => heard.push(`${name}failure ${error.code} ${runMs}`),
    onChunk: (value) => heard.push(`${name}chunk ${value.jsonText()}`),
    onProgress: (value) => heard.push(`${name}progress ${value.jsonText()}`),
    onRecalled: () => heard.push(`${name}recalled`),
  };
}

const STREAM = { stream: true, windowBytes: 1_024 } as const;

const ONE = Value.from(1).wire;

Deno.test("Link.call() sends all fields of a call", async () => {
  const { link, carrier } = setUp();
  const id = link.call(
    outgoing({ stream: true, windowBytes: 1_024, sessionId: "s1" }),
    listener([]),
  );
  await microtasks();
  const call = carrier.sent[0]?.call;
  assert.equal(id, 1);
  assert.deepStrictEqual(
    { ...call, args: new Value(call?.args ?? {}).decode() },
    {
      id: 1,
      tool: "add",
      args: { a: 1 },
      timeoutMs: 1_500.5,
      stream: true,
      windowBytes: 1_024,
      sessionId: "s1",
      requestId: "r1",
      taggedItems: [],
      itemBuffers: [],
    },
  );
});

Deno.test("Link.call() sends a bulk call, and takes chunks of it within its window", async () => {
  const { link, carrier } = setUp();
  const list = new ItemList();
  for (const item of ['{"a":1}', Value.from({ a: new Uint8Array(3) }), '{"a":3}']) list.add(item);
  const heard: string[] = [];
  const id = link.call(
    { ...outgoing({ windowBytes: 1_024 }), args: list.value, bulk: list },
    listener(heard),
  );
  await microtasks();
  const { args, bulk, stream = false, taggedItems, itemBuffers, windowBytes } =
    carrier.sent[0]?.call ?? {};
  assert.deepEqual(
    { bulk, stream, taggedItems, itemBuffers, windowBytes },
    { bulk: true, stream: false, taggedItems: [1], itemBuffers: [1], windowBytes: 1_024 },
  );
  assert.equal(args?.buffers?.length, 1);
  carrier.deliver({ chunk: { id, value: ONE } }, { result: { id, value: ONE, runMs: 2 } });
  assert.deepEqual(heard, ["chunk 1", "result 1 2"]);
});

Deno.test("Link.call() passes each answer to its call, and the last one once", () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const first = link.call(outgoing(), listener(heard, "1 "));
  const second = link.call(outgoing(STREAM), listener(heard, "2 "));
  const third = link.call(outgoing(), listener(heard, "3 "));
  carrier.deliver(
    { chunk: { id: second, value: ONE } },
    { progress: { id: first, value: ONE } },
    { result: { id: second, value: ONE, runMs: 2 } },
    { failure: { id: first, error: { code: "cancelled", message: "" }, runMs: 3 } },
    { progress: { id: second, value: ONE } },
    { result: { id: third, runMs: 0 } },
  );
  assert.deepStrictEqual(heard, [
    "2 chunk 1",
    "1 progress 1",
    "2 result 1 2",
    "1 failure cancelled 3",
    "3 result null 0",
  ]);
});

Deno.test("Link.recall() asks for calls that have not started, and each returned call gets onRecalled once", async () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const first = link.call(outgoing(), listener(heard, "1 "));
  const second = link.call(outgoing(), listener(heard, "2 "));
  const third = link.call(outgoing(), listener(heard, "3 "));
  link.recall();
  await microtasks();
  assert.deepStrictEqual(carrier.kinds, ["call", "call", "call", "recall"]);
  carrier.deliver(
    { recalled: { ids: [second, third] } },
    { result: { id: first, value: ONE, runMs: 1 } },
  );
  assert.deepStrictEqual(heard, ["2 recalled", "3 recalled", "1 result 1 1"]);
});

Deno.test("Link.call() turns a failure without an error into one with code internal", () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const id = link.call(outgoing(), listener(heard));
  carrier.deliver({ failure: { id, runMs: 1 } });
  assert.deepStrictEqual(heard, ["failure internal 1"]);
});

Deno.test("Link.call() skips 0 and ids in use when the ids start again at 1", async () => {
  const { link, carrier } = setUp(4);
  const call = (): number => link.call(outgoing(), listener([]));
  const answer = (id: number): void => carrier.deliver({ result: { id, value: ONE, runMs: 0 } });
  assert.deepStrictEqual([call(), call()], [1, 2]);
  const leaving = new AbortController();
  const ping = link.ping(leaving.signal);
  assert.equal(call(), 4);
  answer(2);
  assert.equal(call(), 2, "1 is still a call");
  answer(2);
  answer(4);
  assert.equal(call(), 4, "3 is still a ping");
  leaving.abort();
  await ping.catch(() => {});
  answer(4);
  assert.equal(call(), 2, "3 may still be answered");
  answer(2);
  carrier.deliver({ pong: { id: 3 } });
  assert.equal(call(), 3);
  answer(3);
  assert.equal(call(), 4);
  answer(1);
  assert.deepStrictEqual([call(), call()], [1, 2]);
  assert.equal(call(), 3);
});

Deno.test("Link lets a listener send the next call when it gets an answer", () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const id = link.call(outgoing(), {
    ...listener(heard),
    onResult: () => heard.push(`next ${link.call(outgoing(), listener(heard))}`),
  });
  carrier.deliver({ result: { id, runMs: 0 } });
  assert.deepStrictEqual(heard, ["next 2"]);
});

Deno.test("Link.cancel() lifts the limit of the window", () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const chunk = Value.from("x".repeat(1_000)).wire;
  const id = link.call(outgoing(STREAM), listener(heard));
  link.cancel(id);
  // The worker gets no more credit, and cannot know how much credit the host still counts.
  for (let i = 0; i < 10; i++) carrier.deliver({ chunk: { id, value: chunk } });
  carrier.deliver({ failure: { id, error: { code: "cancelled", message: "" }, runMs: 1 } });
  assert.equal(link.closedReason, undefined);
  assert.deepStrictEqual([heard.length, heard.at(-1)], [11, "failure cancelled 1"]);
});

Deno.test("Link sends cancel, credit and stop", async () => {
  const { link, carrier } = setUp();
  link.cancel(3);
  link.credit(3, 0);
  link.credit(3, 10);
  link.stop();
  await microtasks();
  assert.deepStrictEqual(carrier.kinds, ["cancel", "credit", "stop"]);
  assert.deepStrictEqual({ ...carrier.sent[1]?.credit }, { id: 3, bytes: 10 });
});

Deno.test("Link.welcome() resolves with the tools of the worker", async () => {
  const { link, carrier } = setUp();
  const ready = link.welcome({ adapters: ["m:C"], modulePaths: ["/a"], maxDepth: 9 });
  await microtasks();
  assert.deepStrictEqual(carrier.kinds, ["welcome"]);
  assert.deepEqual(carrier.sent[0]?.welcome?.adapters, ["m:C"]);
  carrier.deliver({ ready: { tools: [{ name: "add" }] } });
  assert.deepStrictEqual((await ready).tools.map((it) => it.name), ["add"]);
});

Deno.test("Link.welcome() rejects with the failure that the worker reports, including its exception", async () => {
  const { link, carrier } = setUp();
  const ready = link.welcome({ adapters: ["m"] });
  const python = { type: "ImportError", message: "no m", traceback: "Traceback" };
  carrier.deliver({
    startFailed: { error: { code: "worker_start_failed", message: "it raised", python } },
  });
  await assert.rejects(ready, (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "worker_start_failed");
    assert.equal(error.message, "it raised\nTraceback");
    assert.equal(error.summary, "it raised");
    assert.deepStrictEqual({ ...(error.details.python as object) }, python);
    return true;
  });
});

Deno.test("Link.welcome() rejects if the link is lost before the worker is ready", async () => {
  const { link, carrier } = setUp();
  const ready = link.welcome({});
  carrier.end("gone");
  await assert.rejects(ready, { code: "worker_crashed", retryable: true });
  await assert.rejects(link.welcome({}), { message: "The link to the worker is lost: gone" });
});

Deno.test("Link leaves no unhandled rejection if nobody waits for readiness", async () => {
  const { carrier } = setUp();
  carrier.end();
  await microtasks();
});

Deno.test("Link.ping() resolves with the answer to its own ping", async () => {
  const { link, carrier } = setUp();
  const first = link.ping(NEVER);
  const second = link.ping(NEVER);
  let answered = "";
  first.then(() => answered += "first ");
  second.then(() => answered += "second ");
  await microtasks();
  const [one, two] = carrier.sent.map((it) => it.ping?.id ?? 0);
  carrier.deliver({ pong: { id: two ?? 0 } });
  assert.ok(await second >= 0);
  await microtasks();
  assert.equal(answered, "second ");
  carrier.deliver({ pong: { id: one ?? 0 } }, { pong: { id: one ?? 0 } });
  assert.ok(await first >= 0);
});

Deno.test("Link.ping() and Link.call() never share an id", () => {
  const { link } = setUp();
  const ping = link.ping(NEVER).catch(() => {});
  assert.equal(link.call(outgoing(), listener([])), 2);
  link.close();
  return ping.then(() => {});
});

Deno.test("Link.ping() rejects with the reason of its signal", async () => {
  const { link, carrier } = setUp();
  const leaving = new AbortController();
  const ping = link.ping(leaving.signal);
  const reason = new Error("enough");
  leaving.abort(reason);
  await assert.rejects(ping, reason);
  carrier.deliver({ pong: { id: 1 } });
  await assert.rejects(link.ping(leaving.signal), reason);
});

Deno.test("Link.ping() rejects when the link is lost, and at once if it is closed", async () => {
  const { link, carrier } = setUp();
  const ping = link.ping(NEVER);
  carrier.end("gone");
  await assert.rejects(ping, { code: "worker_crashed" });
  await assert.rejects(link.ping(NEVER), { code: "worker_crashed" });
});

Deno.test("Link passes log entries on", () => {
  const { carrier, events } = setUp();
  carrier.deliver({ log: { level: 20, message: "one" } }, { log: { message: "two" } });
  assert.deepStrictEqual(events, ["log one", "log two"]);
});

Deno.test("Link.close() ends the stream, calls onClosed once, and routes nothing afterwards", async () => {
  const { link, carrier, events } = setUp();
  const heard: string[] = [];
  const id = link.call(outgoing(), listener(heard));
  link.close();
  link.close();
  carrier.deliver({ result: { id, value: ONE, runMs: 1 } }, { log: { message: "late" } });
  carrier.end();
  link.stop();
  await microtasks();
  assert.ok(carrier.closed);
  assert.deepStrictEqual(heard, []);
  assert.deepStrictEqual(events, ["closed: closed by the host"]);
  assert.equal(link.closedReason, "closed by the host");
  assert.deepStrictEqual(carrier.kinds, []);
});

Deno.test("Link routes nothing more of a frame when a listener closes it", () => {
  const { link, carrier, events } = setUp();
  const heard: string[] = [];
  const id = link.call(outgoing(STREAM), {
    ...listener(heard),
    onChunk: () => link.close(),
  });
  carrier.deliver(
    { chunk: { id, value: ONE } },
    { result: { id, value: ONE, runMs: 1 } },
    { log: { message: "late" } },
  );
  assert.deepStrictEqual(heard, []);
  assert.equal(events.length, 1);
});

Deno.test("Link.call() on a closed link sends nothing and is never answered", async () => {
  const { link, carrier } = setUp();
  carrier.end();
  const heard: string[] = [];
  const id = link.call(outgoing(), listener(heard));
  await microtasks();
  assert.notEqual(id, 0);
  assert.deepStrictEqual([heard, carrier.frames], [[], []]);
});

Deno.test("Link.call() fails only the call whose buffer is transferred before it is sent", async () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  const lost = new Uint8Array(8);
  link.call(outgoing({ tool: "before" }), listener(heard, "before "));
  link.call(outgoing({ args: Value.from({ lost, kept: new Uint8Array(2) }) }), listener(heard));
  link.call(outgoing({ tool: "after" }), listener(heard, "after "));
  structuredClone(lost.buffer, { transfer: [lost.buffer] });
  await microtasks();
  assert.deepStrictEqual(carrier.sent.map((it) => it.call?.tool), ["before", "after"]);
  assert.deepStrictEqual(heard, ["failure invalid_value 0"]);
  carrier.deliver({ result: { id: 1, value: ONE, runMs: 1 } });
  carrier.deliver({ result: { id: 3, value: ONE, runMs: 1 } });
  assert.deepStrictEqual(heard.slice(1), ["before result 1 1", "after result 1 1"]);
});

Deno.test("Link.call() fails only the call whose buffer is transferred while the carrier is blocked", async () => {
  const { link, carrier } = setUp();
  const heard: string[] = [];
  carrier.slow = true;
  link.call(outgoing(), listener(heard, "first "));
  await microtasks();
  const lost = new Float64Array(8);
  link.call(outgoing({ args: Value.from({ lost }) }), listener(heard));
  await microtasks();
  structuredClone(lost.buffer, { transfer: [lost.buffer] });
  carrier.drain();
  await microtasks();
  assert.deepStrictEqual(heard, ["failure invalid_value 0"]);
  assert.equal(carrier.frames.length, 1);
  link.call(outgoing({ tool: "next" }), listener(heard));
  await microtasks();
  assert.equal(carrier.sent.at(-1)?.call?.tool, "next");
});
