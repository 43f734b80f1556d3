/** Tests of what workers ask the host for, on the link. */
import assert from "node:assert/strict";
import { type Ask, type CallListener, Link, Slab, Value } from "../../src/bridge/mod.ts";
import type { Answer, AskInit, Hello, WorkerMessageInit } from "../../src/bridge/gen/link.js";
import { MAX_OPEN_ASK_BYTES, MAX_OPEN_ASKS } from "../../src/bridge/open_asks.ts";
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

interface Setup {
  readonly link: Link;
  readonly carrier: FakeCarrier;
  /** The events of the calls. */
  readonly heard: string[];
  /** Sends a call whose asks `onAsk` answers. */
  call(onAsk?: CallListener["onAsk"]): number;
}

function setUp(): Setup {
  const carrier = new FakeCarrier();
  const heard: string[] = [];
  const link = new Link(HELLO, carrier, { onLog: () => {}, onClosed: () => {} });
  const call: Setup["call"] = (onAsk) =>
    link.call(
      {
        tool: "t",
        args: Value.from({}),
        timeoutMs: 0,
        stream: false,
        windowBytes: 0,
        sessionId: "",
        requestId: "",
      },
      {
        onResult: () => heard.push("result"),
        onFailure: ({ code }) => heard.push(`failure ${code}`),
        onChunk: () => {},
        onProgress: () => {},
        onRecalled: () => heard.push("recalled"),
        ...(onAsk === undefined ? {} : { onAsk }),
      },
    );
  return { link, carrier, heard, call };
}

function ask(id: number, callId: number, options: AskInit = {}): WorkerMessageInit {
  return { ask: { id, callId, method: "m", args: Value.from({ id }).wire, ...options } };
}

/** Returns the answers that were sent, by the id of the ask. */
function answers(carrier: FakeCarrier): Map<number, Answer> {
  const all = carrier.sent.flatMap(({ answer }) => answer ? [answer] : []);
  const byId = new Map(all.map((it) => [it.id, it]));
  assert.equal(byId.size, all.length, "no ask is answered twice");
  return byId;
}

function decoded(answer: Answer | undefined): unknown {
  assert.ok(answer?.value, "it has a value");
  return new Value(answer.value).decode();
}

function codes(carrier: FakeCarrier): [number, string | undefined][] {
  return [...answers(carrier)].map(([id, { error }]) => [id, error?.code]);
}

/** A value that its owner cannot get before `resolve` is called. */
function later(): PromiseWithResolvers<Value> {
  return Promise.withResolvers<Value>();
}

Deno.test("Link passes an ask to the listener of its call, and sends the answer", async () => {
  const { carrier, call } = setUp();
  const seen: unknown[] = [];
  const id = call(({ method, args }) => {
    seen.push([method, args.decode()]);
    return Value.from({ big: 2n ** 70n, bytes: new Uint8Array([1, 2]), text: "ü" });
  });
  carrier.deliver(ask(5, id, { method: "session.get", args: Value.from({ names: ["a"] }).wire }));
  await microtasks();
  assert.deepStrictEqual(seen, [["session.get", { names: ["a"] }]]);
  assert.deepStrictEqual(decoded(answers(carrier).get(5)), {
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2]),
    text: "ü",
  });
});

Deno.test("Link answers asks in the order in which their answers are there", async () => {
  const { carrier, call } = setUp();
  const open = new Map<unknown, PromiseWithResolvers<Value>>();
  const id = call(({ args }) => {
    const answer = later();
    open.set((args.decode() as { id: number }).id, answer);
    return answer.promise;
  });
  carrier.deliver(ask(1, id), ask(2, id), ask(3, id));
  for (const each of [2, 3, 1]) {
    open.get(each)?.resolve(Value.from(each * 10));
    await microtasks();
  }
  assert.deepStrictEqual([...answers(carrier).keys()], [2, 3, 1]);
  assert.equal(decoded(answers(carrier).get(3)), 30);
});

Deno.test("Link sends the code, the text and the details of an expected error", async () => {
  const { carrier, call } = setUp();
  const id = call(() => {
    throw new SnakedenError("not_found", "There is no x\ud800", {
      retryable: true,
      details: { name: "x", count: 3 },
    });
  });
  carrier.deliver(ask(1, id));
  await microtasks();
  const { code, message, details, retryable } = answers(carrier).get(1)?.error ?? {};
  assert.deepStrictEqual(
    { code, message, details: JSON.parse(details ?? ""), retryable },
    {
      code: "not_found",
      message: "There is no x\ufffd",
      details: { name: "x", count: 3 },
      retryable: true,
    },
  );
});

Deno.test("Link keeps the text of an unexpected error from the worker, and serves on", async () => {
  const { carrier, call, heard } = setUp();
  const id = call(async () => {
    await Promise.resolve();
    throw new TypeError("a secret");
  });
  carrier.deliver(ask(1, id));
  await microtasks();
  const { code, message } = answers(carrier).get(1)?.error ?? {};
  assert.deepStrictEqual([code, message], ["internal", "The host failed to answer m; see its log"]);
  carrier.deliver({ result: { id, runMs: 1 } });
  assert.deepStrictEqual(heard, ["result"]);
});

Deno.test("Link leaves out details that JSON has no form for", async () => {
  const { carrier, call } = setUp();
  const id = call(() => {
    throw new SnakedenError("internal", "x", { details: { big: 1n } });
  });
  carrier.deliver(ask(1, id));
  await microtasks();
  const answer = answers(carrier).get(1);
  assert.deepStrictEqual([answer?.error?.code, answer?.error?.details], ["internal", ""]);
});

Deno.test("Link refuses the asks of a listener that answers none", async () => {
  const { carrier, call } = setUp();
  carrier.deliver(ask(1, call(), { method: "session.get" }));
  await microtasks();
  assert.deepStrictEqual(codes(carrier), [[1, "not_implemented"]]);
  assert.match(answers(carrier).get(1)?.error?.message ?? "", /session\.get/);
});

Deno.test("Link answers what is open of a call that ends, aborts its signal, and drops late answers", async () => {
  const { carrier, call, heard } = setUp();
  const answer = later();
  let seen: Ask | undefined;
  const id = call((it) => {
    seen = it;
    return answer.promise;
  });
  const other = call(() => later().promise);
  carrier.deliver(ask(1, id), ask(2, other));
  assert.equal(seen?.signal.aborted, false);
  carrier.deliver({ result: { id, runMs: 1 } });
  assert.equal(seen?.signal.reason.code, "cancelled");
  answer.resolve(Value.from(1));
  await microtasks();
  assert.deepStrictEqual(codes(carrier), [[1, "cancelled"]]);
  assert.deepStrictEqual(heard, ["result"]);
  carrier.deliver(ask(1, other));
  assert.ok(!carrier.closed, "the id is free again");
});

Deno.test("Link answers the ask of a call that has ended with an error, and asks nobody", async () => {
  const { carrier, call } = setUp();
  const id = call(() => assert.fail("the call has ended"));
  carrier.deliver({ result: { id, runMs: 1 } }, ask(1, id));
  await microtasks();
  assert.deepStrictEqual(codes(carrier), [[1, "cancelled"]]);
  assert.ok(!carrier.closed);
});

Deno.test("Link.cancel() aborts the signal of the asks of the call, whose answers are still sent", async () => {
  const { link, carrier, call } = setUp();
  const answer = later();
  const signals: AbortSignal[] = [];
  const id = call(({ signal }) => {
    signals.push(signal);
    return answer.promise;
  });
  const other = call(({ signal }) => {
    signals.push(signal);
    return later().promise;
  });
  carrier.deliver(ask(1, id), ask(2, other));
  link.cancel(id);
  assert.deepStrictEqual(signals.map(({ aborted }) => aborted), [true, false]);
  answer.resolve(Value.from(1));
  await microtasks();
  assert.equal(decoded(answers(carrier).get(1)), 1);
});

Deno.test("Link.cancel() also aborts the signal of an ask that was on its way, and of no later call", async () => {
  const { link, carrier, call } = setUp();
  const aborted: boolean[] = [];
  const onAsk = ({ signal }: Ask): Value => {
    aborted.push(signal.aborted);
    return Value.from(null);
  };
  const id = call(onAsk);
  link.cancel(id);
  carrier.deliver(ask(1, id));
  carrier.deliver({ result: { id, value: Value.from(1).wire } });
  link.cancel(id);
  const other = call(onAsk);
  carrier.deliver(ask(2, other));
  await microtasks();
  assert.deepEqual(aborted, [true, false]);
});

Deno.test("Link aborts the signals of open asks when it is lost, and sends nothing afterwards", async () => {
  const { carrier, call } = setUp();
  const answer = later();
  let reason: SnakedenError | undefined;
  const id = call(({ signal }) => {
    signal.addEventListener("abort", () => reason = signal.reason);
    return answer.promise;
  });
  carrier.deliver(ask(1, id));
  carrier.end("gone");
  assert.equal(reason?.message, "The link to the worker is lost: gone");
  answer.resolve(Value.from(1));
  await microtasks();
  assert.deepStrictEqual(carrier.frames, []);
});

Deno.test("Link ends a worker that has more open asks than it may", async () => {
  const { link, carrier, call } = setUp();
  const id = call(() => later().promise);
  const many = Array.from({ length: MAX_OPEN_ASKS }, (_, i) => ask(i + 1, id));
  carrier.deliver(...many);
  assert.equal(link.breach, undefined);
  carrier.deliver(ask(MAX_OPEN_ASKS + 1, id));
  assert.equal(link.breach, "more than 256 open asks");
  await microtasks();
});

Deno.test("Link ends a worker that sends an ask beyond the bytes of those that are open", async () => {
  const { link, carrier, call } = setUp();
  const id = call(({ method }) => method === "now" ? Value.from(1) : later().promise);
  const half = new Value({ json: new Uint8Array(MAX_OPEN_ASK_BYTES / 2) }).wire;
  for (let i = 1; i < 9; i++) carrier.deliver(ask(i, id, { method: "now", args: half }));
  carrier.deliver(ask(1, id, { args: half }), ask(2, id, { args: half }));
  assert.equal(link.breach, undefined);
  carrier.deliver(ask(3, id));
  assert.equal(link.breach, "an ask beyond 67108864 bytes of open asks");
  await microtasks();
});

Deno.test("Link sends large answers through shared memory, and releases that of an answer it cannot send", async () => {
  const folder = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  try {
    const { link, carrier, call } = setUp();
    const slab = Slab.create(folder, "w", 1 << 20);
    link.share(slab, 1_000);
    const [large, lost] = [new Uint8Array(5_000).fill(7), new Uint8Array(8)];
    const id = call(({ args }) => {
      const { id } = args.decode() as { id: number };
      return Value.from(id === 1 ? { large } : { large, lost });
    });
    carrier.deliver(ask(1, id), ask(2, id));
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    await microtasks();
    const [place] = answers(carrier).get(1)?.value?.shared ?? [];
    assert.deepStrictEqual([place?.index, place?.length], [0, 5_000]);
    assert.equal(answers(carrier).get(2)?.error?.code, "invalid_value");
    assert.equal(link.sharedInUse, 1, "only the place of the answer that was sent is in use");
    link.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
