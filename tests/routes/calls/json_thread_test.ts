import fc from "fast-check";
import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import { InvalidInputError, SnakedenError } from "../../../src/errors.ts";
import { type CallFields, decodeCall } from "../../../src/routes/calls/call_body.ts";
import { JsonThread } from "../../../src/routes/calls/json_thread.ts";

const MAX_DEPTH = 20;
const encoder = new TextEncoder();

/** Returns the result of reading a body: the call as it would be sent, or the whole error. */
async function outcomeOf(read: () => CallFields | Promise<CallFields>): Promise<unknown> {
  try {
    const { args, ...fields } = await read();
    const { json, tagged, buffers } = args.wire;
    return {
      ...fields,
      json: new TextDecoder().decode(json),
      tagged,
      buffers: buffers.map((it) => [...it]),
    };
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    const { code, message, details } = error;
    return { name: error.name, code, message, details: structuredClone(details) };
  }
}

const bytes = fc.uint8Array().map((it) => ({ $snakeden: "bytes", base64: it.toBase64() }));
const args = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), bytes));
const body = fc.oneof(
  fc.record({ tool: fc.string({ minLength: 1 }), args, priority: fc.integer({ min: -9, max: 9 }) })
    .map((it) => JSON.stringify(it)),
  fc.json(),
  fc.string(),
  fc.constantFrom(
    `{"tool":"a","args":{"n":123456789012345678901234567890,"nan":{"$snakeden":"float","value":"NaN"}}}`,
    `{"tool":"a","args":{"deep":${"[".repeat(100)}${"]".repeat(100)}}}`,
    `{"tool":"a","args":{"x":{"$snakeden":"bytes","base64":"?"}}}`,
    `{"tool":"a","args":{"x":{"$snakeden":"array","dtype":"<f8","shape":[1],"base64":"AAAAAAAA8D8="}}}`,
    `{${Array.from({ length: 500 }, (_, i) => `"key${i}":1`).join(",")}}`,
  ),
);

Deno.test("JsonThread.readCall() has the results and errors of decodeCall()", async () => {
  using thread = new JsonThread();
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      assert.deepEqual(
        await outcomeOf(() => thread.readCall({ body: encoder.encode(text) }, MAX_DEPTH)),
        await outcomeOf(() => decodeCall(encoder.encode(text), MAX_DEPTH)),
      );
    }),
    { numRuns: 300 },
  );
});

Deno.test("JsonThread.inline() writes the text of Value.jsonText(), and does not change the value", async () => {
  using thread = new JsonThread();
  const value = Value.from({ a: [1n << 70n, NaN, -0], b: new Uint8Array([1, 2, 3]) });
  const text = value.jsonText();
  const inlined = await thread.inline(value);
  assert.equal(new TextDecoder().decode(inlined.wire.json), text);
  assert.equal(inlined.jsonText(), text);
  assert.equal(value.jsonText(), text);
});

Deno.test("JsonThread.readCall() leaves the event loop free while it reads", async () => {
  using thread = new JsonThread();
  await thread.readCall({ body: encoder.encode('{"tool":"a"}') }, MAX_DEPTH);
  const text = `{"tool":"a","args":{"list":[${"[[[1.5]]],".repeat(500_000)}0]}}`;
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { tool } = await thread.readCall({ body: encoder.encode(text) }, MAX_DEPTH);
  clearInterval(timer);
  assert.equal(tool, "a");
  assert.ok(turns > 3, `${turns} turns`);
});

Deno.test("JsonThread.readCall() takes jobs in the order in which they came, and drops those whose signal aborted", async () => {
  using thread = new JsonThread();
  const leaving = new AbortController();
  const order: number[] = [];
  const jobs = [0, 1, 2].map(async (i) => {
    const signal = i === 1 ? leaving.signal : undefined;
    await thread.readCall({ body: encoder.encode('{"tool":"a"}') }, MAX_DEPTH, signal);
    order.push(i);
  });
  leaving.abort(new DOMException("left", "AbortError"));
  const ends = await Promise.allSettled(jobs);
  assert.deepEqual(order, [0, 2]);
  assert.equal((ends[1] as PromiseRejectedResult).reason.name, "AbortError");
});

Deno.test("JsonThread fails running and waiting jobs when it is disposed", async () => {
  const thread = new JsonThread();
  const jobs = [0, 1, 2].map(() =>
    thread.readCall({ body: encoder.encode('{"tool":"a"}') }, MAX_DEPTH)
  );
  const ends = Promise.allSettled(jobs);
  thread[Symbol.dispose]();
  thread[Symbol.dispose]();
  for (const end of await ends) {
    assert.equal((end as PromiseRejectedResult).reason.code, "shutting_down");
  }
  await assert.rejects(thread.readCall({ body: encoder.encode("{}") }, MAX_DEPTH), {
    code: "shutting_down",
  });
});

Deno.test("JsonThread goes on after a body that it refused", async () => {
  using thread = new JsonThread();
  await assert.rejects(
    thread.readCall({ body: encoder.encode("{") }, MAX_DEPTH),
    InvalidInputError,
  );
  assert.equal(
    (await thread.readCall({ body: encoder.encode('{"tool":"b"}') }, MAX_DEPTH)).tool,
    "b",
  );
});

Deno.test("JsonThread goes on after its thread was renewed", async () => {
  using thread = new JsonThread();
  const text = `{"tool":"a","args":{"x":"${"x".repeat(20_000_000)}"}}`;
  for (let i = 0; i < 4; i++) {
    const { args } = await thread.readCall({ body: encoder.encode(text) }, MAX_DEPTH);
    assert.equal(args.wire.json.byteLength, 20_000_008);
  }
});
