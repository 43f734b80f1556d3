import assert from "node:assert/strict";
import { type Send, sessionClient } from "./session_client.ts";

async function opened(config: Parameters<typeof sessionClient>[0] = {}): Promise<Send> {
  const send = sessionClient(config);
  await send("PUT", "/s1");
  return (method, path, body, headers) => send(method, `/s1/variables${path}`, body, headers);
}

Deno.test("PUT and GET /v1/sessions/:id/variables/:name carry every kind of value", async () => {
  const send = await opened();
  const array = { $snakeden: "array", dtype: "<f4", shape: [2], base64: "AACAPwAAAEA=" };
  const table: [text: string, type: string][] = [
    ["0.7", "float"],
    ["3", "integer"],
    ["9007199254740993", "integer"],
    ['"text"', "string"],
    ["true", "boolean"],
    ["null", "json"],
    ['{"a":[1,{"b":null}]}', "json"],
    ['{"$snakeden":"float","value":"NaN"}', "float"],
    ['{"$snakeden":"float","value":"-Infinity"}', "float"],
    ['{"$snakeden":"bytes","base64":"AQI="}', "json"],
    [JSON.stringify(array), "tensor"],
  ];
  for (const [text, type] of table) {
    const set = await send("PUT", "/x", `{"value":${text}}`);
    assert.deepEqual([set.status, set.body.type], [200, type], text);
    assert.equal(set.headers.get("etag"), `"${set.body.version}"`);
    const got = await send("GET", "/x");
    assert.equal(got.headers.get("etag"), set.headers.get("etag"));
    assert.deepEqual(got.body, { ...set.body, value: JSON.parse(text) }, text);
    assert.equal((await send("DELETE", "/x")).status, 204);
  }
});

Deno.test("PUT /v1/sessions/:id/variables/:name takes large values, and keeps them exactly", async () => {
  const send = await opened();
  const rows = Array.from({ length: 60_000 }, (_, i) => ({ i }));
  const base64 = new Uint8Array(1_000_000).fill(7).toBase64();
  const array = { $snakeden: "array", dtype: "|u1", shape: [1_000, 1_000], base64 };
  for (const value of [rows, array, "x".repeat(500_000)]) {
    const set = await send("PUT", "/large", { value, type: undefined });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    const got = await send("GET", "/large");
    assert.deepEqual(got.body.value, value);
    assert.equal(Number(got.headers.get("content-length")) > 400_000, true);
    await send("DELETE", "/large");
  }
  const wrong = await send("PUT", "/large", { value: rows, type: "float" });
  assert.deepEqual([wrong.status, wrong.body.code], [422, "invalid_variable"]);
  const constraints = { choices: Array.from({ length: 50_000 }, (_, i) => `choice ${i}`) };
  const bulky = await send("PUT", "/large", { value: "x", type: "choice", constraints });
  assert.equal(bulky.status, 400);
  assert.match(bulky.body.detail, /characters of JSON; allowed: at most 262144 characters/);
});

Deno.test("PUT /v1/sessions/:id/variables/:name heeds If-Match and If-None-Match", async () => {
  const send = await opened();
  const put = (value: unknown, headers: Record<string, string> = {}): ReturnType<Send> =>
    send("PUT", "/x", { value }, headers);
  const missing = await put(1, { "if-match": "*" });
  assert.deepEqual([missing.status, missing.body.details], [412, { currentVersion: null }]);
  const all = await Promise.all(
    Array.from({ length: 5 }, (_, i) => put(i, { "if-none-match": "*" })),
  );
  assert.deepEqual(all.map(({ status }) => status).sort(), [200, 412, 412, 412, 412]);
  const etag = all.find(({ status }) => status === 200)?.headers.get("etag") ?? "";
  const current = Number(etag.slice(1, -1));
  for (const match of [`W/${etag}`, '"0"', '"999"', '"a", "b"']) {
    const { status, body } = await put(9, { "if-match": match });
    assert.deepEqual([status, body.code, body.details], [412, "version_conflict", {
      currentVersion: current,
    }], match);
  }
  assert.equal((await put(2, { "if-match": `"0", ${etag}` })).status, 200);
  assert.equal((await put(3, { "if-match": etag })).status, 412);
  const many = await Promise.all(
    Array.from({ length: 5 }, (_, i) => put(i, { "if-match": "*" })),
  );
  assert.deepEqual(many.map(({ status }) => status), [200, 200, 200, 200, 200]);
  assert.equal((await put(1, { "if-match": "1" })).status, 400);
});

Deno.test("GET /v1/sessions/:id/variables/:name answers 304 for the version that the client has", async () => {
  const send = await opened();
  const { headers } = await send("PUT", "/x", { value: 1 });
  const etag = headers.get("etag") ?? "";
  const same = await send("GET", "/x", undefined, { "if-none-match": `"77", ${etag}` });
  assert.deepEqual([same.status, same.body, same.headers.get("etag")], [304, undefined, etag]);
  assert.equal((await send("GET", "/x", undefined, { "if-none-match": '"77"' })).status, 200);
});

Deno.test("DELETE /v1/sessions/:id/variables/:name deletes under If-Match", async () => {
  const send = await opened();
  const { headers } = await send("PUT", "/x", { value: 1 });
  const etag = headers.get("etag") ?? "";
  assert.equal((await send("DELETE", "/x", undefined, { "if-match": '"77"' })).status, 412);
  assert.equal((await send("DELETE", "/x", undefined, { "if-match": etag })).status, 204);
  const gone = await send("DELETE", "/x");
  assert.deepEqual([gone.status, gone.body.code], [404, "unknown_variable"]);
  assert.equal((await send("GET", "/x")).body.code, "unknown_variable");
  assert.equal((await send("DELETE", "/x", undefined, { "if-match": etag })).status, 412);
});

Deno.test("PUT /v1/sessions/:id/variables/:name keeps type and constraints, and answers 422 with the limit", async () => {
  const send = await opened();
  const constraints = { min: 0, max: 2 };
  await send("PUT", "/t", { value: 1, type: "float", constraints });
  const kept = await send("PUT", "/t", { value: 2 });
  assert.deepEqual([kept.body.type, kept.body.constraints], ["float", constraints]);
  const table: [unknown, string, RegExp][] = [
    [{ value: 3 }, "value", /given 3; allowed: at most 2 \(max\)/],
    [{ value: "x" }, "value", /given "x"; allowed: a number .*\(type float\)/],
    [{ value: { $snakeden: "float", value: "NaN" } }, "value", /given NaN; allowed: at least 0/],
    [{ value: 1, type: "flaot" }, "type", /given "flaot"; did you mean "float"\?/],
    [{ value: 1, constraints: { min: "0" } }, "constraints.min", /allowed: a finite number/],
    [{ value: [[1], [2, 3]], type: "tensor" }, "value", /allowed: an array of numbers/],
    [{ value: [1, 2], type: "tensor", constraints: { shape: [3] } }, "value", /the shape \[3\]/],
  ];
  for (const [body, path, message] of table) {
    const answer = await send("PUT", "/t", body);
    assert.deepEqual([answer.status, answer.body.code], [422, "invalid_variable"]);
    assert.equal(answer.body.errors[0].path, path);
    assert.match(answer.body.errors[0].message, message);
  }
  assert.equal((await send("GET", "/t")).body.value, 2);
});

Deno.test("PUT /v1/sessions/:id/variables/:name takes type and constraints in the query of JSON too", async () => {
  const send = await opened();
  const query = "type=float&constraints=%7B%22min%22%3A0%7D";
  const { body } = await send("PUT", `/x?${query}`, { value: 1 });
  assert.deepEqual([body.type, body.constraints], ["float", { min: 0 }]);
  assert.equal(
    (await send("PUT", `/y?${query}`, { value: 1, type: "integer" })).body.type,
    "integer",
  );
  const wrong = await send("PUT", "/z?typ=float", { value: 1 });
  assert.deepEqual([wrong.status, wrong.body.errors[0].path], [400, "typ"]);
});

Deno.test("/v1/sessions/:id/variables refuses bad names and bodies with 400", async () => {
  const send = await opened();
  for (const name of ["a%2Fb", "%20", "x".repeat(129)]) {
    for (const [method, body] of [["PUT", { value: 1 }], ["GET"], ["DELETE"]] as const) {
      const answer = await send(method, `/${name}`, body);
      assert.deepEqual([answer.status, answer.body.errors[0].path], [400, "name"], method);
    }
  }
  const table: [unknown, string, RegExp][] = [
    [{}, "value", /missing/],
    [{ value: 1, typ: "float" }, "typ", /unknown key; did you mean "type"\?/],
    [{ value: 1, ifVersion: 1 }, "ifVersion", /unknown key/],
    [[1], "", /allowed: an object of JSON/],
    ["{", "", /not JSON/],
    ['{"value":1e400}', "value", /beyond the largest float/],
    [
      { value: { $snakeden: "array", dtype: "<f4", shape: [3], base64: "" } },
      "value",
      /takes 12 bytes/,
    ],
  ];
  for (const [body, path, message] of table) {
    const answer = await send("PUT", "/x", body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal(answer.body.errors[0].path, path);
    assert.match(answer.body.errors[0].message, message);
  }
});

Deno.test("GET /v1/sessions/:id/variables pages through the variables", async () => {
  const send = await opened();
  for (let i = 0; i < 5; i++) await send("PUT", `/v${i}`, { value: i });
  await send("PUT", "/v5", { value: "x".repeat(5_000) });
  const first = await send("GET", "?limit=4");
  const rest = await send("GET", `?limit=4&cursor=${first.body.cursor}`);
  const all = [...first.body.variables, ...rest.body.variables];
  assert.deepEqual(all.map(({ name }) => name).sort(), ["v0", "v1", "v2", "v3", "v4", "v5"]);
  for (const { name, value } of all) {
    assert.equal(value, name === "v5" ? undefined : Number(name.slice(1)));
  }
  assert.equal("cursor" in rest.body, false);
});

Deno.test("POST /v1/sessions/:id/variables/batch sets, then reads, each variable on its own terms", async () => {
  const send = await opened();
  const { body: { version } } = await send("PUT", "/old", { value: 1 });
  const { status, body } = await send("POST", "/batch", {
    set: [
      { name: "a", value: [0.5, 1], type: "embedding", constraints: { dimensions: 2 } },
      { name: "old", value: 2, ifVersion: version },
      { name: "old", value: 3, ifVersion: version },
      { name: "old", value: "text" },
    ],
    get: ["a", "none", "old", "old"],
  });
  assert.equal(status, 200);
  assert.deepEqual(
    body.set.map((it: Record<string, Record<string, unknown>>) =>
      it.variable?.name ?? it.problem?.code
    ),
    ["a", "old", "version_conflict", "invalid_variable"],
  );
  assert.deepEqual(body.get.map(({ name }: { name: string }) => name), ["a", "old"]);
  assert.equal(body.get[1].value, 2);
  assert.deepEqual(body.missing, ["none"]);
  assert.deepEqual(Object.keys((await send("POST", "/batch", { get: [] })).body), [
    "get",
    "missing",
  ]);
});

Deno.test("POST /v1/sessions/:id/variables/batch refuses bad bodies and too much to send", async () => {
  const send = await opened({ limits: { maxResultBytes: 2_048 } });
  const table: [unknown, string][] = [
    [{ gets: [] }, "gets"],
    [{ value: 1, get: [] }, "value"],
    [{ get: "a" }, "get"],
    [{ get: [1] }, "get[0]"],
    [{ get: ["a", "a b"] }, "get[1]"],
    [{ get: Array(1_001).fill("a") }, "get"],
    [{ set: [{ name: "new", value: 1 }], get: ["a b"] }, "get[0]"],
    [{ set: Array(1_001).fill({ name: "a", value: 1 }) }, "set"],
    [{ set: {} }, "set"],
    [{ set: [1] }, "set[0]"],
    [{ set: [{ name: "a" }] }, "set[0].value"],
    [{ set: [{ name: "a" }, { value: 1 }] }, "set[1].name"],
    [{ set: [{ name: "a b", value: 1 }] }, "set[0].name"],
    [{ set: [{ name: "a", value: 1, version: 1 }] }, "set[0].version"],
    [{ set: [{ name: "a", value: 1, ifVersion: -1 }] }, "set[0].ifVersion"],
  ];
  for (const [body, path] of table) {
    const answer = await send("POST", "/batch", body);
    assert.equal(answer.status, 400, JSON.stringify(body).slice(0, 80));
    assert.ok(
      answer.body.errors.some((it: { path: string }) => it.path === path),
      `${path}: ${answer.body.detail}`,
    );
  }
  assert.equal((await send("GET", "/new")).status, 404, "a batch with a wrong name did nothing");
  for (const name of ["a", "b"]) await send("PUT", `/${name}`, { value: "x".repeat(2_000) });
  const { status, body } = await send("POST", "/batch", { get: ["a", "b"] });
  assert.deepEqual([status, body.errors[0].path], [400, "get"]);
  assert.equal((await send("POST", "/batch", { get: ["a"] })).status, 200);
});

Deno.test("/v1/sessions/:id/variables lists the first 20 of many wrong fields", async () => {
  const send = await opened();
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, i]));
  for (
    const [method, path, body] of [
      ["PUT", "/x", { value: 1, ...many }],
      ["POST", "/batch", many],
      ["POST", "/batch", { set: [{ name: "a", value: 1, ...many }] }],
      ["POST", "/batch", { get: Array(1_000).fill("a b") }],
    ] as const
  ) {
    const answer = await send(method, path, body);
    assert.equal(answer.status, 400);
    assert.equal(answer.body.errors.length, 21);
    assert.match(answer.body.errors[20].message, /more is wrong; the first 20 are listed/);
  }
  const { status, body } = await send("PUT", "/x", { value: 1, constraints: many });
  assert.deepEqual([status, body.errors.length], [422, 20]);
});

Deno.test("PUT /v1/sessions/:id/variables/:name answers 429 at sessions.maxVariables", async () => {
  const send = await opened({ sessions: { maxVariables: 1 } });
  await send("PUT", "/x", { value: 1 });
  const { status, body } = await send("PUT", "/y", { value: 1 });
  assert.deepEqual([status, body.code], [429, "session_quota_exceeded"]);
  assert.equal((await send("PUT", "/x", { value: 2 })).status, 200);
});
