/** Batches over HTTP with so many items that they go to a file. */
import assert from "node:assert/strict";
import { API_KEY, serveSuite } from "../client/served.ts";

const adapters = new URL("../fixtures/adapters", import.meta.url).pathname;
const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
/** One more than a job keeps. */
const MANY = 10_001;

const config = (rest: Record<string, unknown> = {}): Record<string, unknown> => ({
  pools: [{ name: "default", size: 2, adapter: "batch_work", modulePaths: [adapters] }],
  ...rest,
});

interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

function clientOf(url: string): {
  send(method: string, path: string, body?: unknown): Promise<Answer>;
  files(): Promise<readonly string[]>;
  outcomes(id: string): Promise<readonly string[]>;
} {
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url + path, { method, headers, body: text ?? null });
    return { status: response.status, body: await response.json() };
  };
  return {
    send,
    files: async () =>
      (await send("GET", "/v1/files")).body.files.map((it: { name: string }) => it.name),
    outcomes: async (id) => {
      const response = await fetch(`${url}/v1/jobs/${id}/result?follow=true`, { headers });
      assert.equal(response.status, 200);
      const lines = (await response.text()).trimEnd().split("\n");
      const indexOf = (line: string): number => Number(/^\{"index":(\d+)/.exec(line)?.[1]);
      const byIndex = lines.toSorted((a, b) => indexOf(a) - indexOf(b));
      return byIndex.map((it) => it.replace(/^\{"index":\d+,/, "").slice(0, -1));
    },
  };
}

function keys(count: number): { readonly key: number }[] {
  return Array.from({ length: count }, (_, key) => ({ key }));
}

Deno.test("a long list of a request goes to a file that the job keeps, a shorter one does not", async () => {
  await using served = await serveSuite(config());
  const { send, files, outcomes } = clientOf(served.url);
  const batch = { kind: "batch", tool: "square" };
  const short = await send("POST", "/v1/jobs", { ...batch, inputs: keys(MANY - 1) });
  assert.equal((await outcomes(short.body.id)).length, MANY - 1);
  assert.deepEqual(await files(), []);
  // The first body is read on the event loop, the others in the thread.
  const bodies = [
    { ...batch, tool: "echo", input: "value", inputs: Array(MANY).fill(1) },
    { ...batch, inputs: keys(MANY) },
    { ...batch, inputs: keys(MANY), args: { seconds: 0 }, resultFile: true },
  ];
  const expected = [
    Array(MANY).fill('"result":1'),
    keys(MANY).map(({ key }) => `"result":${key ** 2}`),
    keys(MANY).map(({ key }) => `"result":${key ** 2}`),
  ];
  for (const [i, body] of bodies.entries()) {
    const { status, body: job } = await send("PUT", `/v1/jobs/long-${i}`, body);
    assert.deepEqual([status, job.id], [201, `long-${i}`]);
    assert.deepEqual(await outcomes(job.id), expected[i]);
    const again = await send("PUT", `/v1/jobs/long-${i}`, body);
    assert.deepEqual([again.status, again.body.items.done], [200, MANY]);
  }
  assert.deepEqual((await files()).toSorted(), [
    ...Array(3).fill("inputs.ndjson"),
    "result.ndjson",
  ]);
  const other = await send("PUT", "/v1/jobs/long-0", { ...bodies[0], inputs: Array(MANY).fill(2) });
  assert.deepEqual([other.status, other.body.code], [409, "idempotency_conflict"]);
  assert.equal((await files()).length, 4);
});

Deno.test("the items of a long list are every value that those of a short one are", async () => {
  await using served = await serveSuite(config());
  const { send, files, outcomes } = clientOf(served.url);
  const values = [
    "12345678901234567890",
    "-0.0",
    "1e300",
    "null",
    '"ü\\n\\u2028"',
    '{"__proto__":{"a":1}}',
    '{"$snakeden":"bytes","base64":"AAEC"}',
    '[{"$snakeden":"float","value":"NaN"}]',
    '{"a":{"$snakeden":"array","dtype":"<f8","shape":[1],"base64":"AAAAAAAA4D8="}}',
  ];
  const bodyOf = (items: readonly string[]): string =>
    `{"kind":"batch","tool":"echo","input":"value","inputs":[${items.join(",")}]}`;
  const long = [...values, ...Array(MANY).fill("0")];
  const ids: string[] = [];
  for (const items of [values, long]) {
    const { status, body } = await send("POST", "/v1/jobs", bodyOf(items));
    assert.equal(status, 201, JSON.stringify(body));
    ids.push(body.id);
  }
  const [listed, written] = await Promise.all(ids.map(outcomes));
  assert.deepEqual(written?.slice(0, values.length), listed);
  assert.equal(written?.length, long.length);
  assert.deepEqual(await files(), ["inputs.ndjson"]);
});

Deno.test("long lists among many jobs go to files, and leave none if a job is refused", async () => {
  await using served = await serveSuite(config());
  const { send, files, outcomes } = clientOf(served.url);
  const long = { kind: "batch", tool: "square", inputs: keys(MANY) };
  const call = { tool: "square", args: { key: 3 } };
  const refused = await send("POST", "/v1/jobs/batch", [
    long,
    { ...long, tool: "none" },
    { ...long, inputs: [...keys(MANY), 1] },
    { ...long, window: 0 },
    call,
  ]);
  assert.deepEqual(refused.body.errors.map((it: { path: string }) => it.path), [
    "[1].tool",
    `[2].inputs[${MANY}]`,
    "[3].window",
  ]);
  assert.deepEqual([refused.status, await files()], [400, []]);
  const { status, body } = await send("POST", "/v1/jobs/batch", [
    call,
    { ...long, idempotencyKey: "k" },
    { ...long, idempotencyKey: "k" },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(body.jobs.map((it: { answer: string }) => it.answer), [
    "created",
    "created",
    "existing",
  ]);
  assert.equal((await outcomes(body.jobs[1].id)).at(-1), `"result":${(MANY - 1) ** 2}`);
  const lines = [long, call].map((it) => JSON.stringify(it)).join("\n");
  const answer = await fetch(`${served.url}/v1/jobs/batch`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/x-ndjson" },
    body: lines,
  });
  const [first] = (await answer.text()).trimEnd().split("\n").map((it) => JSON.parse(it));
  assert.equal((await outcomes(first.id)).length, MANY);
  // A line is short.
  assert.deepEqual(await files(), ["inputs.ndjson"]);
});

Deno.test("the limits of items and files hold for long lists, and leave no file", async () => {
  const limits = { maxBatchItems: MANY + 5, maxArgsBytes: 2_000 };
  await using served = await serveSuite(config({ jobs: limits, files: { maxFiles: 1 } }));
  const { send, files } = clientOf(served.url);
  const batch = { kind: "batch", tool: "echo", input: "value", inputs: Array(MANY).fill(0) };
  const wrong: [object, RegExp][] = [
    [{ inputs: Array(MANY + 6).fill(0) }, /^inputs: given more than 10006 items.*maxBatchItems/],
    [{ inputs: [...batch.inputs, "x".repeat(3_000)] }, /^inputs\[10001\]: given 3002 characters/],
    [{ inputsFile: "x" }, /^inputsFile: given beside inputs/],
    [{ format: "csv" }, /^format: given without inputsFile/],
    [{ tool: "none" }, /none/],
    [{ input: undefined }, /^inputs\[0\]: given 0; allowed: an object/],
    [{ args: 1 }, /^args/],
    [{ inputs: [...batch.inputs, { $snakeden: "bytes" }] }, /inputs\[10001\]/],
  ];
  for (const [fields, text] of wrong) {
    const { status, body } = await send("POST", "/v1/jobs", { ...batch, ...fields });
    assert.match(body.detail.replace(/^Cannot submit the job: /, ""), text);
    assert.ok(status === 400 || status === 404, String(status));
  }
  assert.deepEqual(await files(), []);
  assert.equal((await send("POST", "/v1/jobs", { ...batch, delayMs: 60_000 })).status, 201);
  const full = await send("POST", "/v1/jobs", batch);
  assert.deepEqual([full.body.code, (await files()).length], ["file_quota_exceeded", 1]);
  const list = await send("POST", "/v1/jobs/batch", [batch]);
  assert.deepEqual([list.body.code, (await files()).length], ["file_quota_exceeded", 1]);
});
