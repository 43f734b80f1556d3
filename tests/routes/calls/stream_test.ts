import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import type { CallOptions } from "../../../src/calls/call_options.ts";
import { PythonError, SnakedenError } from "../../../src/errors.ts";
import type { StreamEvent } from "../../../src/pool/mod.ts";
import { chunk, clientOf, done, memoryEngine } from "../memory_engine.ts";

const NDJSON = { accept: "application/x-ndjson" };

/** Rejects when the signal of the call aborts, as the pool does. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Reads texts of a body one write at a time. */
function reader(answer: Response): { next(): Promise<string>; cancel(): Promise<void> } {
  assert.ok(answer.body !== null);
  const source = answer.body.getReader();
  const decoder = new TextDecoder();
  return {
    next: async () => decoder.decode((await source.read()).value),
    cancel: () => source.cancel(),
  };
}

Deno.test("POST /v1/stream sends Server-Sent Events with names and numbers", async () => {
  const answer = await clientOf(memoryEngine()).post("/v1/stream", { tool: "counter" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("x-accel-buffering"), "no");
  assert.equal(
    await answer.text(),
    "id: 1\nevent: chunk\ndata: 0\n\n" +
      'id: 2\nevent: progress\ndata: {"done":0.5}\n\n' +
      "id: 3\nevent: chunk\ndata: 1\n\n" +
      'id: 4\nevent: done\ndata: {"result":"end","callId":"c-1","workerId":"default-1","durationMs":1.235,"queueMs":0}\n\n',
  );
});

Deno.test("POST /v1/stream sends one JSON object a line if the client accepts NDJSON", async () => {
  const answer = await clientOf(memoryEngine()).post("/v1/stream", { tool: "counter" }, NDJSON);
  assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
  const lines = (await answer.text()).trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(lines.map((it) => it.event), ["chunk", "progress", "chunk", "done"]);
  assert.deepEqual(lines.at(-1).data, {
    result: "end",
    callId: "c-1",
    workerId: "default-1",
    durationMs: 1.235,
    queueMs: 0,
  });
});

Deno.test("POST /v1/stream keeps an event on one line if its JSON has line breaks", async () => {
  const json = new TextEncoder().encode('[\r\n  1,\n  "a\\nb"\n]');
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      yield { type: "chunk", value: new Value({ json }) };
      yield done(null);
    },
  });
  const text = await (await clientOf(engine).post("/v1/stream", { tool: "a" }, NDJSON)).text();
  const [first = ""] = text.split("\n");
  assert.deepEqual(JSON.parse(first).data, [1, "a\nb"]);
});

Deno.test("POST /v1/stream returns a status for a failure before the first event", async () => {
  const engine = memoryEngine({
    // deno-lint-ignore require-yield
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      throw new SnakedenError("unknown_tool", 'There is no tool "a"');
    },
  });
  const answer = await clientOf(engine).post("/v1/stream", { tool: "a" });
  assert.equal(answer.status, 404);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  assert.equal((await answer.json()).code, "unknown_tool");
});

Deno.test("POST /v1/stream ends with the event failed if the tool fails later", async () => {
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      yield chunk(1);
      throw new PythonError("ValueError: no", { type: "ValueError", message: "no" });
    },
  });
  const answer = await clientOf(engine).post("/v1/stream", { tool: "a" }, NDJSON);
  assert.equal(answer.status, 200);
  const lines = (await answer.text()).trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(lines.map((it) => it.event), ["chunk", "failed"]);
  const { code, status, requestId, python } = lines[1].data;
  assert.deepEqual({ code, status, requestId, python }, {
    code: "python_exception",
    status: 500,
    requestId: answer.headers.get("x-request-id"),
    python: { type: "ValueError", message: "no" },
  });
});

Deno.test("POST /v1/stream hides the text of an unforeseen error", async () => {
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      yield chunk(1);
      throw new TypeError("secret of the house");
    },
  });
  const text = await (await clientOf(engine).post("/v1/stream", { tool: "a" })).text();
  assert.match(text, /event: failed\ndata: .*"code":"internal"/);
  assert.ok(!text.includes("secret"));
});

Deno.test("POST /v1/stream sends heartbeats while the tool is silent, in both formats", async () => {
  for (
    const [headers, beat] of [[{}, ": heartbeat\nid: 0\n\n"], [
      NDJSON,
      '{"event":"heartbeat"}\n',
    ]] as const
  ) {
    const go = Promise.withResolvers<void>();
    const engine = memoryEngine({
      config: { limits: { heartbeatMs: 100 } },
      events: async function* (): AsyncGenerator<StreamEvent> {
        await go.promise;
        yield done(1);
      },
    });
    const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }, headers));
    assert.equal(await read.next(), beat);
    assert.equal(await read.next(), beat);
    go.resolve();
    assert.match(await read.next(), /done/);
    await read.cancel();
  }
});

Deno.test("POST /v1/stream sends a failure after a heartbeat as an event", async () => {
  const go = Promise.withResolvers<void>();
  const engine = memoryEngine({
    config: { limits: { heartbeatMs: 100 } },
    // deno-lint-ignore require-yield
    events: async function* (): AsyncGenerator<StreamEvent> {
      await go.promise;
      throw new SnakedenError("worker_crashed", "it died");
    },
  });
  const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }));
  assert.equal(await read.next(), ": heartbeat\nid: 0\n\n");
  go.resolve();
  assert.match(await read.next(), /event: failed\ndata: .*"code":"worker_crashed"/);
});

Deno.test("POST /v1/stream sends the first event at once and gathers those that are ready", async () => {
  const go = Promise.withResolvers<void>();
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield chunk("first");
      await go.promise;
      for (let i = 0; i < 100; i++) yield chunk(i);
      yield done(null);
    },
  });
  const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }, NDJSON));
  assert.equal(await read.next(), '{"event":"chunk","data":"first"}\n');
  go.resolve();
  const rest = await read.next();
  assert.equal(rest.trimEnd().split("\n").length, 101);
});

Deno.test("POST /v1/stream requests no more events than the reader takes", async () => {
  let asked = 0;
  const big = chunk("x".repeat(100_000));
  const engine = memoryEngine({
    events: async function* (): AsyncGenerator<StreamEvent> {
      await Promise.resolve();
      while (true) {
        asked++;
        yield big;
      }
    },
  });
  const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }));
  await read.next();
  await read.next();
  assert.ok(asked <= 3, `${asked} events were asked for`);
  await read.cancel();
});

Deno.test("POST /v1/stream cancels the call when the reader leaves while the tool is silent", async () => {
  let seen: CallOptions | undefined;
  let ended = false;
  const engine = memoryEngine({
    events: async function* (options): AsyncGenerator<StreamEvent> {
      seen = options;
      try {
        yield chunk(1);
        await aborted(options.signal);
      } finally {
        ended = true;
      }
    },
  });
  const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }));
  await read.next();
  await read.cancel();
  assert.ok(seen?.signal?.aborted);
  assert.ok(ended);
});

const ACCEPTS: readonly [accept: string, type: string | number][] = [
  ["*/*", "text/event-stream"],
  ["", "text/event-stream"],
  ["text/*", "text/event-stream"],
  ["application/*", "application/x-ndjson"],
  ["application/x-ndjson;q=0.9, text/event-stream;q=0.1", "application/x-ndjson"],
  ["application/x-ndjson, text/event-stream", "text/event-stream"],
  ["text/event-stream;q=0, */*", "application/x-ndjson"],
  ["APPLICATION/X-NDJSON", "application/x-ndjson"],
  ["application/json", 406],
  ["text/html, application/xml", 406],
  ["*/*;q=0", 406],
];

for (const [accept, expected] of ACCEPTS) {
  Deno.test(`POST /v1/stream returns ${expected} for accept: ${accept}`, async () => {
    const answer = await clientOf(memoryEngine()).post("/v1/stream", { tool: "a" }, { accept });
    const body = await answer.text();
    if (typeof expected === "number") {
      assert.equal(answer.status, expected);
      assert.match(JSON.parse(body).detail, /text\/event-stream or application\/x-ndjson/);
    } else {
      assert.equal(answer.headers.get("content-type")?.split(";")[0], expected);
    }
  });
}

Deno.test("POST /v1/stream checks its body as /v1/execute does", async () => {
  const answer = await clientOf(memoryEngine()).post("/v1/stream", { tol: "a" });
  assert.equal(answer.status, 400);
  assert.deepEqual((await answer.json()).errors.length, 2);
});

Deno.test("POST /v1/stream sends heartbeats without an id once an event has one", async () => {
  const go = Promise.withResolvers<void>();
  const engine = memoryEngine({
    config: { limits: { heartbeatMs: 100 } },
    events: async function* (): AsyncGenerator<StreamEvent> {
      yield chunk(1);
      await go.promise;
      yield done(1);
    },
  });
  const read = reader(await clientOf(engine).post("/v1/stream", { tool: "a" }));
  await read.next();
  assert.equal(await read.next(), ": heartbeat\n\n");
  go.resolve();
  await read.cancel();
});

for (const headers of [{}, NDJSON]) {
  Deno.test(`POST /v1/stream with last-event-id makes no call: ${JSON.stringify(headers)}`, async () => {
    const engine = memoryEngine();
    const answer = await clientOf(engine)
      .post("/v1/stream", { tool: "a" }, { ...headers, "last-event-id": "3" });
    assert.equal(answer.status, 410);
    const { code, details, retryable } = await answer.json();
    assert.deepEqual({ code, details, retryable }, {
      code: "stream_gone",
      details: { lastEventId: "3", reset: true },
      retryable: false,
    });
    assert.equal(engine.calls.length, 0);
  });
}

Deno.test("POST /v1/stream takes an empty last-event-id for none", async () => {
  const engine = memoryEngine();
  const answer = await clientOf(engine).post("/v1/stream", { tool: "a" }, { "last-event-id": "" });
  assert.equal(answer.status, 200);
  await answer.text();
  assert.equal(engine.calls.length, 1);
});
