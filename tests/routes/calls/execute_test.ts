import fc from "fast-check";
import { OVER_HTTP } from "../../../src/tools/mod.ts";
import assert from "node:assert/strict";
import { Value } from "../../../src/bridge/mod.ts";
import {
  DeadlineExceededError,
  type ErrorCode,
  InvalidInputError,
  PythonError,
  SnakedenError,
  WorkerCrashedError,
} from "../../../src/errors.ts";
import { clientOf, memoryEngine, outcomeOf } from "../memory_engine.ts";

Deno.test("POST /v1/execute returns the result, the ids and the times", async () => {
  const engine = memoryEngine({ call: () => Promise.resolve(outcomeOf({ a: [1, "ü"] })) });
  const answer = await clientOf(engine).post("/v1/execute", { tool: "add" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.deepEqual(await answer.json(), {
    result: { a: [1, "ü"] },
    callId: "c-1",
    workerId: "default-1",
    durationMs: 1.235,
    queueMs: 0,
  });
});

Deno.test("POST /v1/execute passes on all fields of the body and its request id", async () => {
  const engine = memoryEngine();
  const body = {
    tool: "add",
    args: { a: 1 },
    pool: "heavy",
    sessionId: "s",
    affinity: "strict_queue",
    rebind: true,
    timeoutMs: 0.5,
    priority: -10,
    idempotent: true,
    arrays: "list",
  };
  await clientOf(engine).post("/v1/execute", body, { "x-request-id": "mine-1" });
  const [call] = engine.calls;
  const { signal, ...options } = call?.options ?? {};
  assert.ok(signal instanceof AbortSignal);
  assert.deepEqual({ ...call, options }, {
    tool: "add",
    args: { a: 1 },
    options: {
      pool: "heavy",
      sessionId: "s",
      affinity: "strict_queue",
      rebind: true,
      timeoutMs: 0.5,
      priority: -10,
      idempotent: true,
      arrays: "list",
      requestId: "mine-1",
      ...OVER_HTTP,
    },
  });
});

Deno.test("POST /v1/execute keeps integers of any size exact, both ways", async () => {
  const engine = memoryEngine();
  const text =
    '{"tool":"echo","args":{"n":[9007199254740993,-123456789012345678901234567890,9007199254740991,' +
    '0.12345678901234567,"12345678901234567890"]}}';
  const answer = await clientOf(engine).post("/v1/execute", text);
  assert.deepEqual(engine.calls[0]?.args, {
    n: [
      9007199254740993n,
      -123456789012345678901234567890n,
      9007199254740991,
      0.12345678901234567,
      "12345678901234567890",
    ],
  });
  assert.ok((await answer.text()).startsWith(
    '{"result":{"n":[9007199254740993,-123456789012345678901234567890,9007199254740991,',
  ));
});

Deno.test("POST /v1/execute reads tags with inline data", async () => {
  const engine = memoryEngine();
  await clientOf(engine).post("/v1/execute", {
    tool: "echo",
    args: { b: { $snakeden: "bytes", base64: "AAEC" }, f: { $snakeden: "float", value: "NaN" } },
  });
  assert.deepEqual(engine.calls[0]?.args, { b: new Uint8Array([0, 1, 2]), f: NaN });
});

Deno.test("POST /v1/execute refuses a broken tag and names its place", async () => {
  const body = { tool: "echo", args: { list: [{ $snakeden: "int", value: "x" }] } };
  const answer = await clientOf(memoryEngine()).post("/v1/execute", body);
  assert.equal(answer.status, 400);
  const { errors } = await answer.json();
  assert.equal(errors[0].path, "args");
  assert.match(errors[0].message, /args\.list\[0\]/);
});

Deno.test("POST /v1/execute reads UTF-8 with a byte order mark", async () => {
  const engine = memoryEngine();
  const bytes = new TextEncoder().encode('\uFEFF{"tool":"ü"}');
  assert.equal((await clientOf(engine).post("/v1/execute", bytes)).status, 200);
  assert.equal(engine.calls[0]?.tool, "ü");
});

const BAD_BODIES: readonly [what: string, body: string | Uint8Array, detail: RegExp][] = [
  ["an empty body", "", /it is not JSON: it is empty/],
  [
    "broken JSON",
    '{"tool":"add",\n"args":}',
    /line 2, column 8: expected a value, found "}"/,
  ],
  ["NaN", '{"tool":"add","args":{"a":NaN}}', /line 1, column 27: NaN is not a JSON value/],
  ["bytes that are not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), /it is not UTF-8/],
  ["a list", "[]", /the body is an array; allowed: an object such as/],
  ["null", "null", /the body is null/],
  [
    "nesting 10,000 deep",
    `{"tool":"add","args":{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}}`,
    /nested deeper than 200/,
  ],
  [
    "nesting 500,000 deep around a big integer",
    `{"tool":"add","args":{"a":${"[".repeat(500_000)}12345678901234567890${"]".repeat(500_000)}}}`,
    /nested deeper than 200/,
  ],
  [
    "an integer of 10,001 digits",
    `{"tool":"add","args":{"a":${"9".repeat(10_001)}}}`,
    /an integer of 10001 digits; 10000 are allowed/,
  ],
];

for (const [what, body, detail] of BAD_BODIES) {
  Deno.test(`POST /v1/execute refuses ${what}`, async () => {
    const answer = await clientOf(memoryEngine()).post("/v1/execute", body);
    const problem = await answer.json();
    assert.equal(answer.status, 400);
    assert.equal(problem.code, "invalid_input");
    assert.match(problem.detail, detail);
  });
}

const BAD_FIELDS: readonly [json: string, path: string, message: RegExp][] = [
  ["{}", "tool", /^missing; allowed: the name of a tool$/],
  ['{"tool":""}', "tool", /^given ""; allowed: a text of 1 to 256 characters$/],
  ['{"tool":5}', "tool", /^given 5; /],
  ['{"tool":"a","args":[1]}', "args", /^given an array; allowed: an object of arguments by name$/],
  ['{"tool":"a","args":null}', "args", /^given null; /],
  ['{"tool":"a","args":"x"}', "args", /^given "x"; /],
  [
    '{"tool":"a","timeoutMs":0}',
    "timeoutMs",
    /^given 0; allowed: .*greater than 0 and at most 86400000/,
  ],
  ['{"tool":"a","timeoutMs":-1}', "timeoutMs", /^given -1; /],
  ['{"tool":"a","timeoutMs":1e309}', "timeoutMs", /^given Infinity; /],
  ['{"tool":"a","timeoutMs":"5"}', "timeoutMs", /^given "5"; /],
  ['{"tool":"a","timeoutMs":86400001}', "timeoutMs", /^given 86400001; /],
  ['{"tool":"a","timeoutMs":12345678901234567890}', "timeoutMs", /^given 12345678901234567890; /],
  ['{"tool":"a","priority":11}', "priority", /^given 11; allowed: a whole number from -10 to 10$/],
  ['{"tool":"a","priority":0.5}', "priority", /^given 0.5; /],
  ['{"tool":"a","pool":null}', "pool", /^given null; /],
  [
    `{"tool":"a","sessionId":"${"s".repeat(129)}"}`,
    "sessionId",
    /^given a text of 129 characters; /,
  ],
  [
    '{"tool":"a","affinity":"x"}',
    "affinity",
    /^given "x"; allowed: "hint", "strict_queue" or "strict_fail_fast"$/,
  ],
  [
    '{"tool":"a","sessionId":"s","rebind":"yes"}',
    "rebind",
    /^given "yes"; allowed: true or false$/,
  ],
  [
    '{"tool":"a","timeoutMS":5}',
    "timeoutMS",
    /^unknown key; did you mean "timeoutMs" or "stallTimeoutMs"\?$/,
  ],
  ['{"tool":"a","__proto__":{}}', "__proto__", /^unknown key; /],
];

for (const [json, path, message] of BAD_FIELDS) {
  Deno.test(`POST /v1/execute refuses ${json.slice(0, 60)} and names the field`, async () => {
    const answer = await clientOf(memoryEngine()).post("/v1/execute", json);
    assert.equal(answer.status, 400);
    const { errors } = await answer.json();
    assert.deepEqual(errors.map((it: { path: string }) => it.path), [path]);
    assert.match(errors[0].message, message);
  });
}

Deno.test("POST /v1/execute names every field that is wrong", async () => {
  const body = { args: 1, timeoutMs: 0, priority: "high", extra: true };
  const { errors } = await (await clientOf(memoryEngine()).post("/v1/execute", body)).json();
  assert.deepEqual(errors.map((it: { path: string }) => it.path), [
    "tool",
    "args",
    "timeoutMs",
    "priority",
    "extra",
  ]);
});

Deno.test("POST /v1/execute refuses a body over the limit by its content-length", async () => {
  const client = clientOf(memoryEngine({ config: { limits: { maxBodyBytes: 2_000 } } }));
  const body = { tool: "a", args: { text: "x".repeat(3_000) } };
  const answer = await client.post("/v1/execute", body, { "content-length": "3100" });
  assert.equal(answer.status, 413);
  const problem = await answer.json();
  assert.equal(problem.code, "body_too_large");
  assert.match(problem.detail, /a body of 3100 bytes: the limit is 2000 bytes/);
  assert.deepEqual(problem.details, { maxBodyBytes: 2_000 });
});

Deno.test("POST /v1/execute stops reading a body without a length at the limit", async () => {
  const client = clientOf(memoryEngine({ config: { limits: { maxBodyBytes: 2_000 } } }));
  let pulled = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(100).fill(0x20));
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  const answer = await client.post("/v1/execute", body);
  assert.equal(answer.status, 413);
  await answer.body?.cancel();
  assert.ok(cancelled);
  assert.ok(pulled <= 22, `${pulled} parts were read`);
});

Deno.test("POST /v1/execute does not trust a content-length that is too small", async () => {
  const client = clientOf(memoryEngine({ config: { limits: { maxBodyBytes: 2_000 } } }));
  const body = { tool: "a", args: { text: "x".repeat(3_000) } };
  const answer = await client.post("/v1/execute", body, { "content-length": "10" });
  assert.equal(answer.status, 413);
  await answer.body?.cancel();
});

const TYPES: readonly [type: string, status: number][] = [
  ["application/json; charset=utf-8", 200],
  ['Application/JSON; charset="UTF-8"', 200],
  ["application/json; charset=latin1", 415],
  ["application/x-www-form-urlencoded", 415],
  ["text/plain", 415],
  ["application/jsonp", 415],
];

for (const [type, status] of TYPES) {
  Deno.test(`POST /v1/execute returns ${status} for content-type ${type}`, async () => {
    const answer = await clientOf(memoryEngine())
      .post("/v1/execute", { tool: "a" }, { "content-type": type });
    assert.equal(answer.status, status);
    const { detail } = await answer.json();
    if (status === 415) assert.match(detail, /send JSON in UTF-8 with the header content-type/);
  });
}

Deno.test("POST /v1/execute refuses a body without a type, and one that is compressed", async () => {
  const client = clientOf(memoryEngine());
  const untyped = await client.request("/v1/execute", {
    method: "POST",
    body: new TextEncoder().encode('{"tool":"a"}'),
  });
  assert.equal(untyped.status, 415);
  assert.match((await untyped.json()).detail, /of type \(none given\)/);
  const packed = await client.post("/v1/execute", { tool: "a" }, { "content-encoding": "gzip" });
  assert.equal(packed.status, 415);
  assert.match((await packed.json()).detail, /content-encoding "gzip"; send it uncompressed/);
});

const FAILURES: readonly [error: Error, status: number, code: ErrorCode][] = [
  [new SnakedenError("unknown_tool", "no"), 404, "unknown_tool"],
  [
    new InvalidInputError("no", [{ path: "args.a", message: "is missing" }], "invalid_arguments"),
    422,
    "invalid_arguments",
  ],
  [new SnakedenError("pool_saturated", "full", { retryable: true }), 429, "pool_saturated"],
  [new PythonError("ValueError: x", { type: "ValueError", message: "x" }), 500, "python_exception"],
  [
    new WorkerCrashedError("died", { exitCode: null, signal: "SIGKILL", lastOutput: [] }),
    502,
    "worker_crashed",
  ],
  [new SnakedenError("shutting_down", "stopping", { retryable: true }), 503, "shutting_down"],
  [new DeadlineExceededError("late", "tool"), 504, "deadline_exceeded"],
  [new DOMException("left", "AbortError"), 499, "cancelled"],
];

for (const [error, status, code] of FAILURES) {
  Deno.test(`POST /v1/execute returns ${status} if the call fails with ${code}`, async () => {
    const engine = memoryEngine({ call: () => Promise.reject(error) });
    const answer = await clientOf(engine).post("/v1/execute", { tool: "a" });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.equal(answer.headers.has("retry-after"), status === 429 || status === 503);
    const problem = await answer.json();
    assert.equal(problem.code, code);
    assert.equal(problem.status, status);
    assert.equal(problem.requestId, answer.headers.get("x-request-id"));
  });
}

Deno.test("POST /v1/execute never returns 5xx for a body of garbage", async () => {
  const client = clientOf(memoryEngine());
  const like = fc.record({
    tool: fc.oneof(fc.string(), fc.jsonValue()),
    args: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue()),
    timeoutMs: fc.oneof(fc.double(), fc.jsonValue()),
    $snakeden: fc.jsonValue(),
  }, { requiredKeys: [] }).map((it) => JSON.stringify(it));
  const tagged = fc.record({
    $snakeden: fc.constantFrom("int", "float", "bytes", "array", "object", "unserializable", "x"),
    value: fc.jsonValue(),
    base64: fc.oneof(fc.base64String(), fc.jsonValue()),
    dtype: fc.constantFrom("<f8", "|b1", "<c16", "O", 5),
    shape: fc.oneof(fc.array(fc.integer()), fc.jsonValue()),
  }, { requiredKeys: ["$snakeden"] }).map((it) => JSON.stringify({ tool: "a", args: { it } }));
  const bytes = fc.uint8Array();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.json(), like, tagged, bytes), async (body) => {
      const answer = await client.post("/v1/execute", body);
      const text = await answer.text();
      assert.ok(answer.status < 500, `${answer.status}: ${text}`);
      JSON.parse(text);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("POST /v1/execute passes on the text of a result without reading it", async () => {
  const json = new TextEncoder().encode('{"kept":  1.0}');
  const engine = memoryEngine({
    call: () => Promise.resolve({ ...outcomeOf(null), value: new Value({ json }) }),
  });
  const answer = await clientOf(engine).post("/v1/execute", { tool: "a" });
  assert.ok((await answer.text()).startsWith('{"result":{"kept":  1.0},"callId":'));
});
