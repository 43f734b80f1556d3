import assert from "node:assert/strict";
import { type Client, clientOf, memoryEngine } from "../memory_engine.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any
  readonly body: any;
}

type Send = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<Answer>;

async function sent(
  client: Client,
  ...[method, path, body, headers = {}]: Parameters<Send>
): Promise<Answer> {
  const answer = await client.request(path, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const { status } = answer;
  return { status, headers: answer.headers, body: text === "" ? undefined : JSON.parse(text) };
}

/** Runs the same test for the programs of all and for those of a session. */
function testBoth(name: string, test: (send: Send, base: string) => Promise<void>): void {
  for (const base of ["/v1/programs", "/v1/sessions/s1/programs"]) {
    Deno.test(`${base}: ${name}`, async () => {
      const client = clientOf(memoryEngine({ config: { sessions: { maxPrograms: 30 } } }));
      await sent(client, "PUT", "/v1/sessions/s1");
      const send: Send = (method, path, ...rest) => sent(client, method, `${base}${path}`, ...rest);
      await test(send, base);
    });
  }
}

testBoth("PUT writes a program that GET answers as it was sent", async (send) => {
  const text =
    '{"tool":"add","args":{"a":9007199254740993,"n":{"$snakeden":"float","value":"NaN"},' +
    '"rows":[{"x":[1,null]}]},"pool":"p","timeoutMs":50,"stallTimeoutMs":9,"affinity":"hint","priority":-1,' +
    '"metadata":{"by":"ada"}}';
  const put = await send("PUT", "/sum", text);
  assert.deepEqual([put.status, put.body.version, put.headers.get("etag")], [201, 1, '"1"']);
  const got = await send("GET", "/sum");
  assert.deepEqual(got.body, { ...put.body, ...JSON.parse(text) });
  assert.equal(got.headers.get("etag"), '"1"');
  const list = await send("GET", "");
  assert.deepEqual(list.body, { programs: [put.body] });
  const again = await send("PUT", "/sum", { tool: "none" });
  assert.deepEqual([again.status, again.body.version], [200, 2]);
  assert.deepEqual((await send("GET", "/sum")).body, { ...again.body, tool: "none", args: {} });
  assert.equal((await send("DELETE", "/sum")).status, 204);
  for (const method of ["GET", "DELETE"]) {
    const gone = await send(method, "/sum");
    assert.deepEqual([gone.status, gone.body.code], [404, "unknown_program"]);
  }
});

testBoth("PUT, GET and DELETE heed If-Match and If-None-Match", async (send) => {
  const put = (headers: Record<string, string>): Promise<Answer> =>
    send("PUT", "/p", { tool: "t" }, headers);
  const missing = await put({ "if-match": "*" });
  assert.deepEqual([missing.status, missing.body.details], [412, { currentVersion: null }]);
  const all = await Promise.all(Array.from({ length: 4 }, () => put({ "if-none-match": "*" })));
  assert.deepEqual(all.map(({ status }) => status).sort(), [201, 412, 412, 412]);
  const stale = await put({ "if-match": '"2"' });
  assert.deepEqual([stale.status, stale.body.code, stale.body.details], [
    412,
    "version_conflict",
    { currentVersion: 1 },
  ]);
  assert.equal((await put({ "if-match": '"1"' })).body.version, 2);
  const same = await send("GET", "/p", undefined, { "if-none-match": '"2"' });
  assert.deepEqual([same.status, same.body, same.headers.get("etag")], [304, undefined, '"2"']);
  assert.equal((await send("GET", "/p", undefined, { "if-none-match": '"1"' })).status, 200);
  assert.equal((await send("DELETE", "/p", undefined, { "if-match": '"1"' })).status, 412);
  assert.equal((await send("DELETE", "/p", undefined, { "if-match": '"2"' })).status, 204);
  assert.equal((await put({ "if-match": "1" })).status, 400);
});

testBoth("PUT answers 400 naming every field that is wrong", async (send) => {
  const table: [body: unknown, paths: string[]][] = [
    [{}, ["tool"]],
    [{ tool: "t", sessionId: "s" }, ["sessionId"]],
    [{ tool: 1, timeoutMs: -1, priority: 0.5 }, ["tool", "timeoutMs", "priority"]],
    [{ tool: "t", args: [1] }, ["args"]],
    [{ tool: "t", args: { b: { $snakeden: "bytes", base64: "AQ==" } } }, ["args"]],
    [{ tool: "t", args: { b: { $snakeden: "none" } } }, ["args"]],
    [{ tool: "t", metadata: 1 }, ["metadata"]],
    [{ tool: "t", args: { text: "x".repeat(66_000) } }, [""]],
    [[], [""]],
  ];
  for (const [body, paths] of table) {
    const { status, body: problem } = await send("PUT", "/p", body);
    const found = problem.errors?.map(({ path }: { path: string }) => path);
    assert.deepEqual([status, found], [400, paths], JSON.stringify(problem));
  }
  const integers = await send("PUT", "/p", '{"tool":"t","metadata":{"n":9007199254740993}}');
  assert.equal(integers.body.errors[0].path, "metadata.n");
  assert.equal((await send("PUT", "/a%2Fb", { tool: "t" })).status, 400);
  assert.equal((await send("PUT", `/${"x".repeat(129)}`, { tool: "t" })).status, 400);
  const large = await send("PUT", "/p", { tool: "t", args: { text: "x".repeat(140_000) } });
  assert.deepEqual([large.status, large.body.code], [413, "body_too_large"]);
  const type = await send("PUT", "/p", "tool", { "content-type": "text/plain" });
  assert.equal(type.status, 415);
});

testBoth("lists have pages, and at most sessions.maxPrograms programs", async (send) => {
  const names = Array.from({ length: 30 }, (_, i) => `p${i}`);
  for (const name of names) await send("PUT", `/${name}`, { tool: "t" });
  const full = await send("PUT", "/other", { tool: "t" });
  assert.deepEqual([full.status, full.body.code, full.headers.get("retry-after")], [
    429,
    "session_quota_exceeded",
    null,
  ]);
  const first = await send("GET", "?limit=20");
  const second = await send("GET", `?limit=20&cursor=${encodeURIComponent(first.body.cursor)}`);
  const seen = [...first.body.programs, ...second.body.programs].map(({ name }) => name);
  assert.deepEqual([seen.sort(), second.body.cursor], [names.sort(), undefined]);
  for (const query of ["?limit=0", "?limit=x", "?cursor="]) {
    assert.equal((await send("GET", query)).status, 400, query);
  }
});

Deno.test("/v1/sessions/:id/programs answers 404 for a session that does not exist", async () => {
  const client = clientOf(memoryEngine());
  for (
    const [method, path, body] of [
      ["GET", ""],
      ["GET", "/p"],
      ["DELETE", "/p"],
      ["PUT", "/p", { tool: "t" }],
    ] as const
  ) {
    const { status, body: problem } = await sent(
      client,
      method,
      `/v1/sessions/s1/programs${path}`,
      body,
    );
    assert.deepEqual([status, problem.code], [404, "unknown_session"], method);
  }
});

Deno.test("the programs of a session, of another one and of all are apart", async () => {
  const client = clientOf(memoryEngine());
  for (const id of ["s1", "s2"]) await sent(client, "PUT", `/v1/sessions/${id}`);
  const bases = ["/v1/programs", "/v1/sessions/s1/programs", "/v1/sessions/s2/programs"];
  for (const [i, base] of bases.entries()) {
    assert.equal((await sent(client, "PUT", `${base}/p`, { tool: `t${i}` })).status, 201);
  }
  await sent(client, "DELETE", "/v1/sessions/s2/programs/p");
  const tools = await Promise.all(
    bases.map(async (base) => (await sent(client, "GET", `${base}/p`)).body.tool),
  );
  assert.deepEqual(tools, ["t0", "t1", undefined]);
});
