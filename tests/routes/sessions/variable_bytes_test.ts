import assert from "node:assert/strict";
import type { ConfigInput } from "../../../src/config/mod.ts";
import { type Client, clientOf, type MemoryEngine, memoryEngine } from "../memory_engine.ts";

const BYTES = "application/octet-stream";
const PATH = "/v1/sessions/s1/variables/x";
const MB = 1_000_000;

async function opened(
  config: ConfigInput = {},
): Promise<{ readonly engine: MemoryEngine; readonly client: Client }> {
  const engine = memoryEngine({ config });
  await engine.sessions.open("s1");
  return { engine, client: clientOf(engine) };
}

function put(
  client: Client,
  body: Uint8Array<ArrayBuffer>,
  { query = "", headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const all = { "content-type": BYTES, ...headers };
  return Promise.resolve(client.request(`${PATH}${query}`, { method: "PUT", headers: all, body }));
}

Deno.test("PUT /v1/sessions/:id/variables/:name takes bytes as the body, and GET sends them back", async () => {
  const { engine, client } = await opened();
  const body = new Uint8Array([0, 1, 2, 255]);
  const answer = await put(client, body, { headers: { "content-type": "image/png" } });
  assert.equal(answer.status, 200);
  const info = await answer.json();
  assert.equal(info.type, "json");
  const { variables } = await engine.sessions.get("s1");
  assert.deepEqual((await variables.get("x")).value, body);
  const got = await client.request(PATH, { headers: { accept: BYTES } });
  assert.deepEqual([got.status, got.headers.get("content-type"), got.headers.get("etag")], [
    200,
    BYTES,
    `"${info.version}"`,
  ]);
  assert.equal(got.headers.get("content-security-policy"), "sandbox");
  assert.deepEqual(await got.bytes(), body);
  // Other clients get JSON.
  for (const accept of ["*/*", "application/json", `application/json, ${BYTES};q=0.5`]) {
    const json = await (await client.request(PATH, { headers: { accept } })).json();
    assert.deepEqual(json.value, { $snakeden: "bytes", base64: "AAEC/w==" });
  }
});

Deno.test("PUT /v1/sessions/:id/variables/:name takes the elements of an array, and GET sends them back", async () => {
  const { engine, client } = await opened();
  const data = new Float32Array([1, 2, 3, NaN, 5, 6]);
  const body = new Uint8Array(data.buffer);
  const headers = { "snakeden-dtype": "<f4", "snakeden-shape": "2,3" };
  const query = `?type=tensor&constraints=${encodeURIComponent('{"shape":[2,null]}')}`;
  assert.equal((await put(client, body, { headers, query })).status, 200);
  const { variables } = await engine.sessions.get("s1");
  const { type, constraints, value } = await variables.get<{ shape: number[]; data: unknown }>("x");
  assert.deepEqual([type, constraints, value.shape, value.data], [
    "tensor",
    { shape: [2, null] },
    [2, 3],
    data,
  ]);
  const got = await client.request(PATH, { headers: { accept: BYTES } });
  assert.deepEqual([got.headers.get("snakeden-dtype"), got.headers.get("snakeden-shape")], [
    "<f4",
    "2,3",
  ]);
  assert.deepEqual(await got.bytes(), body);
  const refused = await put(client, body, { headers: { ...headers, "snakeden-shape": "3,2" } });
  assert.equal(refused.status, 422);
  assert.match(
    (await refused.json()).errors[0].message,
    /^given an array of shape \[3, 2\]; allow/,
  );
  // One dimension, and bytes as numbers, by default.
  await put(client, body, { headers: { "snakeden-dtype": "<f4" }, query: "?type=embedding" });
  assert.deepEqual((await variables.get("x")).value, data);
  await put(client, new Uint8Array([1, 2]), { query: "?type=embedding" });
  assert.deepEqual((await variables.get("x")).value, new Uint8Array([1, 2]));
});

Deno.test("PUT /v1/sessions/:id/variables/:name refuses bytes that are described wrongly, and names the header", async () => {
  const { client } = await opened();
  const table: [Record<string, string>, string, string, RegExp][] = [
    [{ "snakeden-dtype": "float32" }, "", "snakeden-dtype", /^given float32; allowed: a type/],
    [{ "snakeden-shape": "2" }, "", "snakeden-shape", /^given 2; allowed: beside snakeden-dtype/],
    [{ "snakeden-dtype": "<f4" }, "", "", /^given 6 bytes, .* <f4; allowed: a multiple of 4$/],
    [
      { "snakeden-dtype": "<i2", "snakeden-shape": "2,2" },
      "",
      "snakeden-shape",
      /^given 2,2, which takes 8 bytes of <i2; allowed: a shape of 6 bytes/,
    ],
    [{ "snakeden-dtype": "<i2", "snakeden-shape": "-3" }, "", "snakeden-shape", /^given -3; allow/],
    [{ "snakeden-dtype": "<i2", "snakeden-shape": "3.0" }, "", "snakeden-shape", /^given 3\.0; /],
    [{}, "?typ=json", "typ", /^unknown key; did you mean "type"\?$/],
    [{}, "?type=json&type=tensor", "type", /^given twice$/],
    [{}, "?constraints=no", "constraints", /^it is not JSON/],
  ];
  for (const [headers, query, path, message] of table) {
    const answer = await put(client, new Uint8Array(6), { headers, query });
    const { errors, detail } = await answer.json();
    assert.deepEqual([answer.status, errors[0].path], [400, path], detail);
    assert.match(errors[0].message, message);
  }
  const form = await put(client, new Uint8Array(1), {
    headers: { "content-type": "multipart/form-data; boundary=x" },
  });
  assert.equal(form.status, 415);
  const zipped = await put(client, new Uint8Array(1), { headers: { "content-encoding": "gzip" } });
  assert.equal(zipped.status, 415);
});

Deno.test("GET /v1/sessions/:id/variables/:name answers 406 if a client takes bytes alone and there are none", async () => {
  const { engine, client } = await opened();
  await (await engine.sessions.get("s1")).variables.set("x", [1, "text"]);
  const answer = await client.request(PATH, { headers: { accept: BYTES } });
  assert.deepEqual([answer.status, (await answer.json()).code], [406, "not_acceptable"]);
  const image = await client.request(PATH, { headers: { accept: "image/png" } });
  assert.equal(image.status, 406);
  assert.match((await image.json()).detail, /as application\/octet-stream only/);
  const page = await client.request(PATH, { headers: { accept: "text/html" } });
  assert.equal(page.status, 200);
  const json = await client.request(PATH, { headers: { accept: `${BYTES}, application/json` } });
  assert.deepEqual((await json.json()).value, [1, "text"]);
});

Deno.test("PUT /v1/sessions/:id/variables/:name heeds If-Match and If-None-Match for bytes too", async () => {
  const { client } = await opened();
  const created = await put(client, new Uint8Array([1]), { headers: { "if-none-match": "*" } });
  const etag = created.headers.get("etag") ?? "";
  assert.equal(created.status, 200);
  const again = await put(client, new Uint8Array([2]), { headers: { "if-none-match": "*" } });
  assert.deepEqual([again.status, again.headers.get("etag")], [412, etag]);
  assert.equal(
    (await put(client, new Uint8Array([2]), { headers: { "if-match": etag } })).status,
    200,
  );
});

Deno.test("a variable of 100 MB over HTTP is refused with the limit, and taken if the configuration allows it", async () => {
  const large = new Uint8Array(100 * MB).fill(7);
  const refusals: [ConfigInput, number, string, RegExp][] = [
    [{}, 413, "body_too_large", /limits\.maxUploadBytes/],
    [
      { limits: { maxUploadBytes: 200 * MB } },
      422,
      "invalid_variable",
      /value: given 1000000\d\d bytes; allowed: 16777216 bytes \(sessions\.maxVariableBytes\)/,
    ],
  ];
  for (const [config, status, code, detail] of refusals) {
    const { client } = await opened(config);
    const answer = await put(client, large);
    const problem = await answer.json();
    assert.deepEqual([answer.status, problem.code], [status, code]);
    assert.match(problem.detail, detail);
  }
  const { client } = await opened({
    limits: { maxUploadBytes: 200 * MB },
    sessions: { maxVariableBytes: 200 * MB },
  });
  const answer = await put(client, large);
  assert.equal(answer.status, 200);
  assert.ok((await answer.json()).bytes > 100 * MB);
  const got = await client.request(PATH, { headers: { accept: BYTES } });
  const bytes = await got.bytes();
  assert.ok(bytes.byteLength === large.byteLength && bytes.every((it) => it === 7));
});
