import assert from "node:assert/strict";
import { sessionClient } from "./session_client.ts";

Deno.test("PUT /v1/sessions/:id opens a session once", async () => {
  const send = sessionClient();
  const first = await send("PUT", "/u1", { ttlMs: 5_000, metadata: { plan: "free" } });
  assert.deepEqual([first.status, first.headers.get("etag")], [201, '"1"']);
  const { createdAt, expiresAt, ...rest } = first.body;
  assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 5_000);
  assert.deepEqual(rest, { id: "u1", version: 1, ttlMs: 5_000, metadata: { plan: "free" } });
  const second = await send("PUT", "/u1", { ttlMs: 9_000 });
  assert.deepEqual([second.status, second.body], [200, first.body]);
  assert.deepEqual((await send("GET", "/u1")).body, first.body);
});

Deno.test("POST /v1/sessions opens a session with an id of its own", async () => {
  const send = sessionClient();
  const { status, body, headers } = await send("POST", "");
  assert.equal(status, 201);
  assert.equal(headers.get("location"), `/v1/sessions/${body.id}`);
  assert.equal(body.ttlMs, 3_600_000);
  assert.equal((await send("GET", `/${body.id}`)).status, 200);
  assert.notEqual((await send("POST", "", {})).body.id, body.id);
});

Deno.test("GET /v1/sessions pages through the sessions", async () => {
  const send = sessionClient();
  for (let i = 0; i < 5; i++) await send("PUT", `/u${i}`);
  const first = await send("GET", "?limit=3");
  const rest = await send("GET", `?limit=3&cursor=${first.body.cursor}`);
  const ids = [...first.body.sessions, ...rest.body.sessions].map(({ id }) => id);
  assert.deepEqual(ids.sort(), ["u0", "u1", "u2", "u3", "u4"]);
  assert.equal("cursor" in rest.body, false);
  for (const query of ["limit=0", "limit=x", "limit=1001", "limit=", "cursor="]) {
    const { status, body } = await send("GET", `?${query}`);
    assert.deepEqual([status, body.errors[0].path], [400, query.split("=")[0]], query);
  }
});

Deno.test("GET /v1/sessions/:id answers 304 for the version that the client has", async () => {
  const send = sessionClient();
  await send("PUT", "/u1");
  const same = await send("GET", "/u1", undefined, { "if-none-match": 'W/"1"' });
  assert.deepEqual([same.status, same.body, same.headers.get("etag")], [304, undefined, '"1"']);
  assert.equal((await send("GET", "/u1", undefined, { "if-none-match": '"2"' })).status, 200);
});

Deno.test("PATCH /v1/sessions/:id changes what it names under If-Match", async () => {
  const send = sessionClient();
  await send("PUT", "/u1", { metadata: { a: 1 } });
  const patch = (body: unknown, match?: string): ReturnType<typeof send> =>
    send("PATCH", "/u1", body, match === undefined ? {} : { "if-match": match });
  const changed = await patch({ metadata: { b: 2 } }, '"1"');
  assert.deepEqual([changed.status, changed.headers.get("etag")], [200, '"2"']);
  assert.deepEqual(changed.body.metadata, { b: 2 });
  for (const match of ['"1"', 'W/"2"', '"1", "3"', '"x"']) {
    const { status, body } = await patch({ metadata: {} }, match);
    assert.deepEqual([status, body.code, body.details], [412, "version_conflict", {
      currentVersion: 2,
    }], match);
  }
  assert.equal((await patch({ ttlMs: 1_000 }, '"1", "2"')).body.ttlMs, 1_000);
  assert.equal((await patch({ ttlMs: 2_000 }, "*")).body.version, 4);
  assert.equal((await patch({ ttlMs: 3_000 })).body.version, 5);
  const bad = await patch({ ttlMs: 4_000 }, "5");
  assert.deepEqual([bad.status, bad.body.errors[0].path], [400, "if-match"]);
});

Deno.test("PATCH /v1/sessions/:id by many clients with one version lets one through", async () => {
  const send = sessionClient();
  await send("PUT", "/u1");
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, n) => send("PATCH", "/u1", { metadata: { n } }, { "if-match": '"1"' }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((it) => it === 200).length, 1);
  assert.equal(statuses.filter((it) => it === 412).length, 19);
  // Without a version, nobody is refused.
  const free = await Promise.all(
    Array.from({ length: 5 }, () => send("PATCH", "/u1", {}, { "if-match": "*" })),
  );
  assert.deepEqual(free.map(({ status }) => status), [200, 200, 200, 200, 200]);
});

Deno.test("PUT /v1/sessions/:id heeds If-None-Match and If-Match", async () => {
  const send = sessionClient();
  const put = (headers: Record<string, string>): ReturnType<typeof send> =>
    send("PUT", "/u1", undefined, headers);
  const missing = await put({ "if-match": "*" });
  assert.deepEqual([missing.status, missing.body.details], [412, { currentVersion: null }]);
  const all = await Promise.all(Array.from({ length: 5 }, () => put({ "if-none-match": "*" })));
  assert.deepEqual(all.map(({ status }) => status).sort(), [201, 412, 412, 412, 412]);
  assert.equal((await put({ "if-match": '"1"' })).status, 200);
  assert.equal((await put({ "if-match": '"2"' })).status, 412);
});

Deno.test("DELETE /v1/sessions/:id ends a session", async () => {
  const send = sessionClient();
  await send("PUT", "/u1");
  assert.equal((await send("DELETE", "/u1", undefined, { "if-match": '"2"' })).status, 412);
  assert.equal((await send("DELETE", "/u1", undefined, { "if-match": '"1"' })).status, 204);
  for (const method of ["DELETE", "GET"]) {
    const { status, body } = await send(method, "/u1");
    assert.deepEqual([status, body.code], [404, "unknown_session"]);
  }
  assert.equal((await send("PATCH", "/u1", {})).status, 404);
});

Deno.test("/v1/sessions refuses bad ids with 400", async () => {
  const send = sessionClient();
  const bad = ["a%2Fb", "%20", "a%00", "%0a", "x".repeat(129), "x".repeat(10_240), "%C3%BC", "%zz"];
  for (const id of bad) {
    for (
      const [method, path, body] of [
        ["PUT", "", undefined],
        ["GET", "", undefined],
        ["PATCH", "", {}],
        ["DELETE", "", undefined],
        ["GET", "/variables", undefined],
        ["GET", "/variables/x", undefined],
        ["PUT", "/variables/x", { value: 1 }],
        ["DELETE", "/variables/x", undefined],
        ["POST", "/variables/batch", { get: [] }],
        ["GET", "/events", undefined],
      ] as const
    ) {
      const answer = await send(method, `/${id}${path}`, body);
      assert.deepEqual(
        [answer.status, answer.body.code],
        [400, "invalid_input"],
        `${method} ${id}`,
      );
      assert.match(answer.body.detail, /id: given .*; allowed: 1 to 128 letters, digits or/);
    }
  }
});

Deno.test("/v1/sessions refuses bad bodies and names each field", async () => {
  const send = sessionClient();
  await send("PUT", "/there");
  const table: [unknown, string, RegExp][] = [
    [
      { ttlMs: 0 },
      "ttlMs",
      /given 0; allowed: a whole number of milliseconds from 1 to 2592000000/,
    ],
    [{ ttlMs: -1 }, "ttlMs", /given -1/],
    [{ ttlMs: 1e18 }, "ttlMs", /given 1000000000000000000; allowed: .* to 2592000000/],
    [{ ttlMs: "1" }, "ttlMs", /given "1"/],
    [{ ttlMs: null }, "ttlMs", /given null/],
    [{ ttl: 1 }, "ttl", /unknown key; did you mean "ttlMs"\?/],
    [{ ifVersion: 1 }, "ifVersion", /unknown key/],
    [{ metadata: [] }, "metadata", /given an array; allowed: an object of JSON/],
    ['{"metadata":{"n":9007199254740993}}', "metadata.n", /the bigint 9007199254740993; allow/],
    [[], "", /allowed: an object of JSON/],
    ["{", "", /it is not JSON/],
  ];
  for (const [body, path, message] of table) {
    for (const [method, to] of [["PUT", "/u1"], ["POST", ""], ["PATCH", "/there"]] as const) {
      const answer = await send(method, to, body);
      assert.equal(answer.status, 400, `${method} ${JSON.stringify(body)}`);
      const [issue] = answer.body.errors;
      assert.equal(issue.path, path);
      assert.match(issue.message, message);
    }
  }
  assert.equal((await send("PUT", "/u1", "{}", { "content-type": "text/plain" })).status, 415);
  assert.equal((await send("GET", "")).body.sessions.length, 1);
});

Deno.test("PUT /v1/sessions/:id answers 429 without Retry-After at sessions.max", async () => {
  const send = sessionClient({ sessions: { max: 1 } });
  await send("PUT", "/u1");
  const { status, body, headers } = await send("PUT", "/u2");
  assert.deepEqual([status, body.code, body.details], [429, "session_quota_exceeded", {
    limit: "sessions.max",
    max: 1,
  }]);
  assert.equal(headers.get("retry-after"), null);
  assert.equal((await send("PUT", "/u1")).status, 200);
});
