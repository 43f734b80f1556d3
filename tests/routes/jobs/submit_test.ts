import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { clientOf, idleJobs, memoryEngine } from "../memory_engine.ts";
import { argsOf, jobClient } from "./job_client.ts";

Deno.test("POST /v1/jobs submits a job, and answers it with its place", async () => {
  await using jobs = jobClient();
  const { status, headers, body } = await jobs.send("POST", "/v1/jobs", {
    tool: "add",
    args: { a: 2 },
    priority: 3,
    tags: ["x"],
    metadata: { by: "me" },
    maxAttempts: 5,
    sessionId: "s1",
  });
  assert.equal(status, 201);
  assert.equal(headers.get("location"), `/v1/jobs/${body.id}`);
  assert.equal(headers.get("snakeden-submit"), "created");
  const { id: _, createdAt: _at, ...rest } = body;
  assert.deepEqual(rest, {
    kind: "call",
    queue: "default",
    state: "available",
    done: false,
    priority: 3,
    tool: "add",
    sessionId: "s1",
    pool: "default",
    tags: ["x"],
    metadata: { by: "me" },
    attempt: 0,
    maxAttempts: 5,
  });
});

Deno.test("POST /v1/jobs takes arguments as a call does: tags, and exact numbers", async () => {
  await using jobs = jobClient();
  const text = '{"tool":"add","args":{"n":123456789012345678901,' +
    '"b":{"$snakeden":"bytes","base64":"AAEC"},"f":{"$snakeden":"float","value":"NaN"}}}';
  assert.equal((await jobs.send("POST", "/v1/jobs", text)).status, 201);
  assert.deepEqual(argsOf(await jobs.claim()), {
    n: 123456789012345678901n,
    b: new Uint8Array([0, 1, 2]),
    f: NaN,
  });
});

Deno.test("POST /v1/jobs reads a large body in another thread", async () => {
  await using jobs = jobClient();
  const args = { text: "x".repeat(300_000), n: { $snakeden: "bytes", base64: "AAEC" } };
  const { status } = await jobs.send("POST", "/v1/jobs", { tool: "add", tags: ["t"], args });
  assert.equal(status, 201);
  const claim = await jobs.claim();
  assert.deepEqual(argsOf(claim), { text: args.text, n: new Uint8Array([0, 1, 2]) });
  assert.deepEqual(claim.job.tags, ["t"]);
  const wrong = { tool: "add", args: { ...args, n: { $snakeden: "bytes" } } };
  const refused = await jobs.send("POST", "/v1/jobs", wrong);
  assert.equal(refused.status, 400);
  assert.equal(refused.body.errors[0].path, "args");
});

Deno.test("POST /v1/jobs answers a known idempotency key with the first job", async () => {
  await using jobs = jobClient();
  const job = { tool: "add", args: { a: 1 } };
  const first = await jobs.send("POST", "/v1/jobs", job, { "idempotency-key": '"k 1"' });
  assert.equal(first.status, 201);
  const second = await jobs.send("POST", "/v1/jobs", { ...job, idempotencyKey: "k 1" });
  assert.deepEqual([second.status, second.body.id], [200, first.body.id]);
  assert.equal(second.headers.get("snakeden-submit"), "existing");
  assert.equal(second.headers.get("location"), `/v1/jobs/${first.body.id}`);
  const both = await jobs.send("POST", "/v1/jobs", { ...job, idempotencyKey: "k 1" }, {
    "idempotency-key": "k 1",
  });
  assert.equal(both.body.id, first.body.id);
  const other = await jobs.send("POST", "/v1/jobs", { tool: "add" }, { "idempotency-key": "k 1" });
  assert.deepEqual([other.status, other.body.code], [409, "idempotency_conflict"]);
});

Deno.test("POST /v1/jobs refuses a header that differs from the field idempotencyKey", async () => {
  await using jobs = jobClient();
  const { status, body } = await jobs.send(
    "POST",
    "/v1/jobs",
    { tool: "add", idempotencyKey: "a" },
    { "idempotency-key": "b" },
  );
  assert.equal(status, 400);
  assert.deepEqual(body.errors, [{
    path: "idempotencyKey",
    message: 'given "a", but the header idempotency-key is "b"; allowed: one of the two, or the ' +
      "same in both",
  }]);
});

Deno.test("POST /v1/jobs says when a unique job was dropped or replaced", async () => {
  await using jobs = jobClient();
  const id = await jobs.submit({ tool: "add", unique: { key: "u" } });
  for (const [mode, answer] of [["drop", "dropped"], ["replace", "replaced"]]) {
    const unique = { key: "u", mode };
    const { status, headers, body } = await jobs.send("POST", "/v1/jobs", { tool: "add", unique });
    assert.deepEqual([status, headers.get("snakeden-submit"), body.id], [200, answer, id]);
  }
});

const WRONG: Readonly<Record<string, readonly [job: unknown, path: string, message: RegExp]>> = {
  "an unknown kind": [{ kind: "cal", tool: "add" }, "kind", /given "cal"; did you mean "call"/],
  "an unknown queue": [{ tool: "add", queue: "defalt" }, "queue", /did you mean "default"/],
  "an unknown field": [{ tool: "add", dealyMs: 1 }, "dealyMs", /did you mean "delayMs"/],
  "no tool": [{}, "tool", /missing/],
  "a time that is past": [{ tool: "add", runAt: "2001-01-01T00:00:00Z" }, "runAt", /past/],
  "the year 275,761": [{ tool: "add", runAt: "+275761-01-01T00:00:00Z" }, "runAt", /year 9999/],
  "a negative delay": [{ tool: "add", delayMs: -1 }, "delayMs", /given -1; allowed: a whole/],
  "a delay that is no number": ['{"tool":"add","delayMs":"NaN"}', "delayMs", /given "NaN"/],
  "a delay beyond all times": [{ tool: "add", delayMs: 1e18 }, "delayMs", /allowed: a whole/],
  "no attempt": [{ tool: "add", maxAttempts: 0 }, "maxAttempts", /from 1 to 1000/],
  "too many attempts": [{ tool: "add", maxAttempts: 1e9 }, "maxAttempts", /from 1 to 1000/],
  "a long idempotency key": [
    { tool: "add", idempotencyKey: "k".repeat(10_240) },
    "idempotencyKey",
    /512/,
  ],
  "arguments that are no object": [{ tool: "add", args: [1] }, "args", /allowed: an object/],
  "a tag that cannot be read": [
    { tool: "add", args: { a: { $snakeden: "x" } } },
    "args",
    /unknown/,
  ],
  "arguments over the limit": [
    { tool: "add", args: { a: "x".repeat(1_000_001) } },
    "args",
    /at most/,
  ],
  "a body that is no object": [[1], "", /allowed: an object/],
  "metadata with an integer that JSON readers round": [
    '{"tool":"add","metadata":{"n":12345678901234567890}}',
    "metadata.n",
    /allowed/,
  ],
  "metadata that is too long": [
    { tool: "add", metadata: { a: "x".repeat(70_000) } },
    "metadata",
    /at most 65536 bytes/,
  ],
  "metadata that is nested too deep": [
    `{"tool":"add","metadata":{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}}`,
    "metadata",
    /allowed/,
  ],
};

for (const [name, [job, path, message]] of Object.entries(WRONG)) {
  Deno.test(`POST /v1/jobs refuses ${name}, by its field`, async () => {
    await using jobs = jobClient();
    const { status, body } = await jobs.send("POST", "/v1/jobs", job);
    assert.equal(status, 400);
    assert.deepEqual(body.errors.map((it: { path: string }) => it.path), [path]);
    assert.match(body.errors[0].message, message);
    assert.deepEqual((await jobs.send("GET", "/v1/jobs")).body, { jobs: [] });
  });
}

Deno.test("POST /v1/jobs answers 404 for an unknown tool", async () => {
  await using jobs = jobClient();
  const { status, body } = await jobs.send("POST", "/v1/jobs", { tool: "unknown" });
  assert.deepEqual([status, body.code], [404, "unknown_tool"]);
});

Deno.test("POST /v1/jobs refuses a long key in its header", async () => {
  await using jobs = jobClient();
  const headers = { "idempotency-key": "k".repeat(10_240) };
  const { status, body } = await jobs.send("POST", "/v1/jobs", { tool: "add" }, headers);
  assert.deepEqual([status, body.errors[0].path], [400, "idempotencyKey"]);
});

Deno.test("POST /v1/jobs refuses a body that is too long, or of another type", async () => {
  await using jobs = jobClient({ config: { limits: { maxBodyBytes: 1_024 } } });
  const long = { tool: "add", args: { a: "x".repeat(2_000) } };
  assert.equal((await jobs.send("POST", "/v1/jobs", long)).status, 413);
  const typed = await jobs.send("POST", "/v1/jobs", "tool=add", { "content-type": "text/plain" });
  assert.equal(typed.status, 415);
});

Deno.test("the routes of jobs answer 503 in a host without a store", async () => {
  const error = new SnakedenError("store_unavailable", "The host 17 has it", { retryable: true });
  const client = clientOf(memoryEngine(idleJobs({}, error)));
  const answers = [
    await client.post("/v1/jobs", { tool: "add" }),
    await client.post("/v1/jobs/batch", [{ tool: "add" }]),
    await client.post("/v1/jobs/batch", '{"tool":"add"}', {
      "content-type": "application/x-ndjson",
    }),
    await client.post("/v1/execute", { tool: "add" }, { prefer: "respond-async" }),
    await client.post("/v1/jobs/cancel", { state: "running" }),
    await client.post("/v1/jobs/retry", { state: "running" }),
    await client.post("/v1/jobs/x/cancel", {}),
    await client.post("/v1/jobs/x/retry", {}),
    ...await Promise.all(
      ["", "/x", "/x?wait=1", "/x/result", "/x/events"].map((it) =>
        client.request(`/v1/jobs${it}`)
      ),
    ),
    await client.request("/v1/queues"),
    await client.request("/v1/queues/default"),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 503);
    assert.equal((await answer.json()).code, "store_unavailable");
    assert.ok(answer.headers.has("retry-after"));
  }
});

Deno.test("POST /v1/jobs needs the API key", async () => {
  await using jobs = jobClient({ config: { apiKey: "k".repeat(16) } });
  for (const path of ["/v1/jobs", "/v1/jobs/x", "/v1/jobs/x/events", "/v1/queues"]) {
    assert.equal((await jobs.send("GET", path)).status, 401, path);
  }
});

Deno.test("POST /v1/jobs, and its relatives, answer 405 for other methods", async () => {
  await using jobs = jobClient();
  const { status, headers } = await jobs.send("PUT", "/v1/jobs");
  assert.deepEqual([status, headers.get("allow")], [405, "GET, HEAD, OPTIONS, POST"]);
  assert.equal((await jobs.send("DELETE", "/v1/queues/default")).status, 405);
  assert.equal((await jobs.send("POST", "/v1/jobs/x/cancle")).status, 404);
});
