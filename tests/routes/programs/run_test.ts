import assert from "node:assert/strict";
import { OVER_HTTP } from "../../../src/tools/mod.ts";
import { Value } from "../../../src/bridge/mod.ts";
import { type Client, clientOf, type MemoryEngine, memoryEngine } from "../memory_engine.ts";

async function started(): Promise<{ readonly engine: MemoryEngine; readonly client: Client }> {
  const engine = memoryEngine();
  const { programs, sessions } = engine;
  await programs.put("sum", { tool: "add", args: { a: 1, b: 2 }, timeoutMs: 100, priority: 3 });
  const { programs: own } = await sessions.open("s1");
  await own.put("sum", { tool: "own" });
  return { engine, client: clientOf(engine) };
}

const RUN = "/v1/programs/sum/run";

Deno.test("POST /v1/programs/:name/run answers as /v1/execute does", async () => {
  const { engine, client } = await started();
  const run = await client.post(RUN, { args: { b: 40 } }, { "x-request-id": "r-1" });
  const execute = await client.post("/v1/execute", { tool: "add", args: { a: 1, b: 40 } });
  assert.equal(run.status, 200);
  assert.deepEqual(await run.json(), await execute.json());
  const [call] = engine.calls;
  const { signal, ...options } = call?.options ?? {};
  assert.deepEqual([call?.tool, call?.args, options], [
    "add",
    { a: 1, b: 40 },
    { timeoutMs: 100, priority: 3, requestId: "r-1", ...OVER_HTTP },
  ]);
  assert.ok(signal instanceof AbortSignal);
});

Deno.test("POST /v1/programs/:name/run needs no body", async () => {
  const { engine, client } = await started();
  for (const init of [{}, { headers: { "content-type": "application/json" }, body: "{}" }]) {
    const answer = await client.request(RUN, { method: "POST", ...init });
    assert.deepEqual([answer.status, (await answer.json()).result], [200, { a: 1, b: 2 }]);
  }
  assert.equal(engine.calls.length, 2);
});

Deno.test("POST /v1/programs/:name/run takes the program of the session, and fields that win over stored ones", async () => {
  const { engine, client } = await started();
  const fields = { sessionId: "s1", affinity: "strict_queue", rebind: true, idempotent: true };
  await client.post(RUN, fields);
  const other = {
    sessionId: "s2",
    timeoutMs: 7,
    stallTimeoutMs: 0,
    pool: "default",
    arrays: "list",
  };
  await client.post(RUN, other);
  const seen = engine.calls.map(({ tool, options: { signal: _s, requestId: _r, ...rest } }) => ({
    tool,
    ...rest,
  }));
  assert.deepEqual(seen, [
    { tool: "own", ...fields, ...OVER_HTTP },
    { tool: "add", ...other, priority: 3, ...OVER_HTTP },
  ]);
});

Deno.test("POST /v1/programs/:name/run takes fields in the query, and those of the body win", async () => {
  const { engine, client } = await started();
  const query = "timeoutMs=5&arrays=list&args=%7B%22b%22%3A40%7D";
  await client.request(`${RUN}?${query}`, { method: "POST" });
  await client.post(`${RUN}?${query}`, { timeoutMs: 7 });
  const seen = engine.calls.map(({ args, options: { timeoutMs, arrays } }) => ({
    args,
    timeoutMs,
    arrays,
  }));
  const args = { a: 1, b: 40 };
  assert.deepEqual(seen, [
    { args, timeoutMs: 5, arrays: "list" },
    { args, timeoutMs: 7, arrays: "list" },
  ]);
});

Deno.test("POST /v1/programs/:name/run sends bytes to a client that accepts them, and large results", async () => {
  const engine = memoryEngine({
    call: () =>
      Promise.resolve({
        value: Value.from(new Uint8Array([1, 2, 3])),
        callId: "c-1",
        workerId: "w-1",
        durationMs: 1,
        queueMs: 0,
        runMs: 1,
      }),
  });
  await engine.programs.put("bytes", { tool: "unknown" });
  const accept = { accept: "application/octet-stream" };
  const answer = await clientOf(engine).post("/v1/programs/bytes/run", {}, accept);
  assert.equal(answer.headers.get("snakeden-call-id"), "c-1");
  assert.deepEqual(await answer.bytes(), new Uint8Array([1, 2, 3]));
  const { client } = await started();
  const rows = Array.from({ length: 60_000 }, (_, i) => ({ i }));
  const large = await client.post(RUN, { args: { rows } });
  assert.deepEqual((await large.json()).result, { a: 1, b: 2, rows });
});

Deno.test("POST /v1/programs/:name/run refuses what is wrong, and runs nothing then", async () => {
  const { engine, client } = await started();
  const table: [body: unknown, status: number, code: string, detail: RegExp][] = [
    [{ tool: "add" }, 400, "invalid_input", /tool: unknown key; the program names its tool/],
    [{ args: [] }, 400, "invalid_input", /args: given an array/],
    [{ args: { $snakeden: "bytes", base64: "AQ==" } }, 400, "invalid_input", /args: .*\$snakeden/],
    [{ timeoutMS: 1 }, 400, "invalid_input", /timeoutMS: unknown key; did you mean/],
    [{ affinity: "strict_queue" }, 400, "invalid_input", /affinity: .* without a sessionId/],
    [{ tool: "add", typo: 1 }, 400, "invalid_input", /tool: .*; typo: unknown key/],
    [{ zzzzzzzz: 1 }, 400, "invalid_input", /there are affinity(?!.*tool)/],
    [[], 400, "invalid_input", /the body is an array.* such as \{"args":\{\}\}/],
    ['{"args":', 400, "invalid_input", /JSON/],
  ];
  for (const [body, status, code, detail] of table) {
    const answer = await client.post(RUN, body);
    const problem = await answer.json();
    assert.deepEqual([answer.status, problem.code], [status, code], JSON.stringify(problem));
    assert.match(problem.detail, detail);
  }
  for (
    const [query, path] of [["timeoutMs=0", "timeoutMs"], ["arg=a", "arg"], ["tool=a", "tool"]]
  ) {
    const answer = await client.request(`${RUN}?${query}`, { method: "POST" });
    assert.deepEqual([answer.status, (await answer.json()).errors[0].path], [400, path]);
  }
  const unknown = await client.post("/v1/programs/none/run", {});
  const problem = await unknown.json();
  assert.deepEqual([unknown.status, problem.code], [404, "unknown_program"]);
  assert.deepEqual(problem.details, { name: "none" });
  const form = await client.post(RUN, "a=1", { "content-type": "text/plain" });
  assert.equal(form.status, 415);
  assert.equal((await client.post("/v1/programs/a%2Fb/run", {})).status, 400);
  assert.equal(engine.calls.length, 0);
});
