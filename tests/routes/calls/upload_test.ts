import assert from "node:assert/strict";
import type { ToolInfo } from "../../../src/tools/mod.ts";
import { clientOf, type MemoryEngine, memoryEngine } from "../memory_engine.ts";

const BYTES = {
  anyOf: [{ type: "string", contentEncoding: "base64" }, { title: "bytes", type: "object" }],
};

const RESIZE: ToolInfo = {
  name: "resize",
  runsIn: "worker",
  pool: "default",
  description: "",
  inputSchema: {
    type: "object",
    properties: {
      image: BYTES,
      width: { type: "integer" },
      ratio: { anyOf: [{ type: "number" }, { type: "null" }] },
      crop: { type: "boolean" },
      label: { type: "string" },
      box: { $ref: "#/$defs/Box" },
      tags: { type: "array", items: { type: "string" } },
      frames: { type: "array", items: BYTES },
      table: { title: "ndarray", anyOf: [{ type: "object" }, { type: "array" }] },
    },
    additionalProperties: false,
    $defs: { Box: { type: "object" } },
  },
  streams: false,
  idempotent: false,
};
const JOIN: ToolInfo = {
  ...RESIZE,
  name: "join",
  inputSchema: { type: "object", properties: { first: BYTES, second: BYTES } },
};

function engine(): MemoryEngine {
  const tools = [RESIZE, JOIN];
  return memoryEngine({
    namespaces: {
      tools: { list: () => tools, find: (name) => tools.find((it) => it.name === name) },
    },
    config: { limits: { maxUploadBytes: 1_000_000, maxBodyBytes: 200_000 } },
  });
}

type Sent = Record<string, string | Blob | (string | Blob)[]>;

async function sent(query: string, body: Sent | Uint8Array<ArrayBuffer>, type?: string): Promise<{
  readonly status: number;
  readonly answer: { code?: string; errors?: { path: string; message: string }[]; detail?: string };
  readonly call: MemoryEngine["calls"][number] | undefined;
}> {
  const it = engine();
  let form: FormData | undefined;
  if (!(body instanceof Uint8Array)) {
    form = new FormData();
    for (const [name, values] of Object.entries(body)) {
      for (const value of Array.isArray(values) ? values : [values]) {
        if (typeof value === "string") form.append(name, value);
        else form.append(name, value, "file.bin");
      }
    }
  }
  const request = new Request("http://localhost/", {
    method: "POST",
    body: form ?? body as Uint8Array<ArrayBuffer>,
  });
  const headers = { "content-type": type ?? request.headers.get("content-type") ?? "" };
  const response = await clientOf(it).post(
    `/v1/execute${query}`,
    new Uint8Array(await request.bytes()),
    headers,
  );
  return { status: response.status, answer: await response.json(), call: it.calls[0] };
}

const OCTETS = "application/octet-stream";
const image = new Uint8Array([1, 2, 0, 255]);
const json = (value: unknown): Blob =>
  new Blob([JSON.stringify(value)], { type: "application/json" });

Deno.test("POST /v1/execute takes the bytes of one argument, and the rest from the query", async () => {
  for (const type of [OCTETS, "image/png", "Video/mp4; codecs=x"]) {
    const query = `?tool=resize&args={"width":100}&timeoutMs=50&priority=-1&idempotent=true&pool=p`;
    const { status, call } = await sent(query, image, type);
    assert.equal(status, 200);
    assert.deepEqual(call?.args, { image, width: 100 });
    const { timeoutMs, priority, idempotent, pool } = call.options;
    assert.deepEqual([timeoutMs, priority, idempotent, pool], [50, -1, true, "p"]);
  }
  const { call } = await sent("?tool=join&arg=second", image, OCTETS);
  assert.deepEqual(call?.args, { second: image });
});

const WRONG: [query: string, path: string, message: RegExp][] = [
  ["", "tool", /^missing; add \?tool=NAME to the address$/],
  ["?tool=resize&arg=$snakeden", "arg", /begins with \$/],
  ["?tool=join", "arg", /2 \(first, second\) that take bytes/],
  ["?tool=resize&tool=join", "tool", /given twice/],
  ['?tool=resize&arg=image&args={"image":1}', "args.image", /in the body and in the query/],
  ["?tool=resize&args=[1]", "args", /allowed: an object/],
  ["?tool=resize&args={", "args", /not JSON/],
  ["?tool=resize&timeoutMs=soon", "timeoutMs", /given "soon"/],
  ["?tool=resize&idempotent=1", "idempotent", /given "1"|given 1/],
  ["?tool=resize&timeout=5", "timeout", /unknown key.*timeoutMs/],
];

for (const [query, path, message] of WRONG) {
  Deno.test(`POST /v1/execute${query} with bytes is refused, and ${path} is named`, async () => {
    const { status, answer, call } = await sent(query, image, OCTETS);
    assert.equal(status, 400, JSON.stringify(answer));
    assert.equal(call, undefined);
    const issue = answer.errors?.find((it) => it.path === path);
    assert.match(issue?.message ?? JSON.stringify(answer), message);
  });
}

Deno.test("POST /v1/execute reads each part of a form as its parameter says", async () => {
  const { status, answer, call } = await sent("?tool=resize&arrays=list", {
    image: new Blob([image]),
    width: "100",
    ratio: "0.5",
    crop: "true",
    label: "100",
    box: '{"x":{"$snakeden":"float","value":"NaN"}}',
    tags: ["a", "b"],
    frames: [new Blob([image]), "x"],
    table: "[[1,2]]",
    other: "text",
    attached: new Blob([image]),
    anything: json([1]),
  });
  assert.equal(status, 200, JSON.stringify(answer));
  assert.deepEqual(call?.args, {
    image,
    frames: [image, new Uint8Array([120])],
    attached: image,
    width: 100,
    ratio: 0.5,
    crop: true,
    label: "100",
    box: { x: NaN },
    tags: ["a", "b"],
    table: [[1, 2]],
    other: "text",
    anything: [1],
  });
  assert.equal(call.options.arrays, "list");
});

Deno.test("POST /v1/execute reads fields and arguments in the part $call", async () => {
  const { call } = await sent("?timeoutMs=9", {
    $call: json({ tool: "resize", args: { width: 7 }, sessionId: "s" }),
    image: "text is bytes for a parameter of bytes",
    tags: '["a"]',
  });
  const bytes = new TextEncoder().encode("text is bytes for a parameter of bytes");
  assert.deepEqual(call?.args, { image: bytes, width: 7, tags: ["a"] });
  assert.deepEqual([call.options.timeoutMs, call.options.sessionId], [9, "s"]);
});

const WRONG_FORMS: [what: string, query: string, form: Sent, path: string, message: RegExp][] = [
  ["no tool", "", { image: "x" }, "tool", /^missing; add \?tool=NAME to the address$/],
  ["text for an integer", "?tool=resize", { width: "wide" }, "args.width", /not JSON/],
  ["a part twice", "?tool=resize", { width: ["1", "2"] }, "args.width", /given 2 times/],
  ["bytes twice", "?tool=resize", { image: ["1", "2"] }, "args.image", /given 2 times/],
  [
    "an argument in two places",
    '?tool=resize&args={"width":1}',
    { width: "1" },
    "args.width",
    /query/,
  ],
  ["a $call that is no object", "?tool=resize", { $call: "[]" }, "$call", /a JSON object/],
  ["two parts $call", "?tool=resize", { $call: ["{}", "{}"] }, "$call", /2 times/],
  ["a $call of 100 KB", "?tool=resize", { $call: `"${"x".repeat(100_000)}"` }, "$call", /65536/],
  ["another name with $", "?tool=resize", { $tool: "a" }, "args.$tool", /begins with \$/],
  ["arg", "?tool=resize&arg=image", { image: "x" }, "arg", /by its parts/],
  ["an unknown field", "?tool=resize&wait=1", { image: "x" }, "wait", /unknown key/],
];

for (const [what, query, form, path, message] of WRONG_FORMS) {
  Deno.test(`POST /v1/execute refuses a form with ${what}, and names the field`, async () => {
    const { status, answer, call } = await sent(query, form);
    assert.equal(status, 400, JSON.stringify(answer));
    assert.equal(call, undefined);
    const issue = answer.errors?.find((it) => it.path === path);
    assert.match(issue?.message ?? JSON.stringify(answer), message);
  });
}

Deno.test("POST /v1/execute bounds uploads by limits.maxUploadBytes, and their text by maxBodyBytes", async () => {
  const large = await sent("?tool=resize", new Uint8Array(1_000_001), OCTETS);
  assert.equal(large.status, 413);
  assert.match(
    large.answer.detail ?? "",
    /a body: the limit is 1000000 bytes \(limits\.maxUploadBytes\)/,
  );
  assert.equal((await sent("?tool=resize", new Uint8Array(1_000_000), OCTETS)).status, 200);
  const text = await sent("?tool=resize", { label: "x".repeat(200_001) });
  assert.equal(text.status, 413);
  assert.match(text.answer.detail ?? "", /200001 bytes of text.*limits\.maxBodyBytes/);
  // In the thread, since it would block the event loop.
  const { call } = await sent("?tool=resize", {
    label: "x".repeat(190_000),
    image: new Blob([new Uint8Array(500_000)]),
  });
  assert.equal(Object(call?.args).label.length, 190_000);
  assert.equal(Object(call?.args).image.byteLength, 500_000);
});

Deno.test("POST /v1/execute takes fields of a call from the query where the body has none", async () => {
  const it = engine();
  const client = clientOf(it);
  const answer = await client.post("/v1/execute?arrays=list", { tool: "resize" });
  assert.equal(answer.status, 200);
  assert.equal(it.calls[0]?.options.arrays, "list");
  await client.post("/v1/execute?tool=join&arrays=base64", { tool: "resize", arrays: "list" });
  assert.deepEqual([it.calls[1]?.tool, it.calls[1]?.options.arrays], ["resize", "list"]);
  const refused = await client.post("/v1/execute?arg=image", { tool: "resize" });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).detail, /arg: the body is JSON/);
  const { call } = await sent("?tool=join&timeoutMs=5", { $call: json({ tool: "resize" }) });
  assert.deepEqual([call?.tool, call?.options.timeoutMs], ["resize", 5]);
});

Deno.test("POST /v1/execute refuses the forms that curl and pages send by default, and says what it takes", async () => {
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/mixed"]) {
    const { status, answer } = await sent("?tool=resize", image, type);
    assert.equal(status, 415);
    assert.match(
      answer.detail ?? "",
      /application\/json, or multipart\/form-data, application\/octet/,
    );
  }
});

Deno.test("POST /v1/execute names every wrong part of a form, and the argument that a name is near to", async () => {
  const { status, answer } = await sent("?tool=resize", {
    imge: new Blob([image]),
    width: "abc",
    ratio: "1:2",
  });
  assert.equal(status, 400);
  assert.deepEqual(answer.errors?.map(({ path }) => path), [
    "args.width",
    "args.ratio",
    "args.imge",
  ]);
  assert.match(
    answer.errors?.[2]?.message ?? "",
    /not an argument of the tool; did you mean "image"/,
  );
});

Deno.test("POST /v1/execute says how to name the tool of a form that names none", async () => {
  const { status, answer } = await sent("", { image: new Blob([image]) });
  assert.equal(status, 400);
  assert.deepEqual(answer.errors, [
    { path: "tool", message: "missing; add ?tool=NAME to the address" },
  ]);
});
