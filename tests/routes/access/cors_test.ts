import assert from "node:assert/strict";
import type { ConfigInput } from "../../../src/config/mod.ts";
import { createStartingApp } from "../../../src/routes/mod.ts";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a-key-of-the-house";
const APP = "https://app.example";
const OTHER = "https://other.example";

type Answer = Readonly<Record<"status" | "origin" | "methods" | "headers" | "vary", unknown>>;

async function preflight(
  config: ConfigInput,
  { path = "/v1/execute", origin = APP, method = "POST" } = {},
): Promise<Answer & { readonly detail?: string }> {
  const answer = await clientOf(memoryEngine({ config })).request(path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": method },
  });
  const text = await answer.text();
  assert.equal(answer.headers.get("access-control-allow-credentials"), null);
  return {
    status: answer.status,
    origin: answer.headers.get("access-control-allow-origin"),
    methods: answer.headers.get("access-control-allow-methods"),
    headers: answer.headers.get("access-control-allow-headers"),
    vary: answer.headers.get("vary"),
    ...(text === "" ? {} : { detail: JSON.parse(text).detail }),
  };
}

const LISTED = { apiKey: KEY, cors: { origins: [APP] } };

Deno.test("Cors answers a preflight of a listed origin without a key, with the methods of the path", async () => {
  const headers = "accept, authorization, content-type, last-event-id, x-api-key, x-request-id, *";
  const vary = "origin";
  assert.deepEqual(await preflight(LISTED), {
    ...{ status: 204, origin: APP, methods: "OPTIONS, POST", headers, vary },
  });
  const pools = await preflight(LISTED, { path: "/v1/pools/default", method: "GET" });
  assert.equal(pools.methods, "DELETE, GET, HEAD, OPTIONS, PATCH");
  const worker = await preflight(LISTED, { path: "/v1/workers/default-1", method: "DELETE" });
  assert.equal(worker.methods, "DELETE, OPTIONS");
});

Deno.test("Cors accepts a preflight for an unknown path, so that the page can read the 404", async () => {
  const answer = await preflight(LISTED, { path: "/v1/nope", method: "PUT" });
  assert.equal(answer.status, 204);
  assert.equal(answer.methods, "PUT");
  assert.equal(answer.origin, APP);
});

Deno.test("Cors refuses a preflight of another origin, and says how to allow it", async () => {
  const listed = await preflight(LISTED, { origin: OTHER });
  assert.equal(listed.status, 403);
  assert.equal(listed.origin, null);
  assert.equal(listed.methods, null);
  assert.match(listed.detail ?? "", /from "https:\/\/other\.example": `cors\.origins` .* does not/);
  for (const config of [{}, { apiKey: KEY }]) {
    const off = await preflight(config);
    assert.equal(off.status, 403);
    assert.equal(off.vary, null);
    assert.match(off.detail ?? "", /CORS is off; to allow pages of this origin, list it in/);
  }
});

Deno.test("Cors lets pages of a listed origin read every response, including errors", async () => {
  const client = clientOf(memoryEngine({ config: LISTED }));
  const cases: readonly [path: string, key: string, status: number][] = [
    ["/v1/tools", KEY, 200],
    ["/v1/tools", "", 401],
    ["/v1/tools", "wrong", 401],
    ["/v1/nope", KEY, 404],
    ["/healthz", "", 200],
  ];
  for (const [path, key, status] of cases) {
    const headers = { origin: APP, ...(key === "" ? {} : { "x-api-key": key }) };
    const answer = await client.request(path, { headers });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get("access-control-allow-origin"), APP, path);
    assert.equal(answer.headers.get("access-control-expose-headers"), "*");
    assert.equal(answer.headers.get("access-control-allow-credentials"), null);
    assert.equal(answer.headers.get("vary"), "origin");
    await answer.body?.cancel();
  }
  const stream = await client.post("/v1/stream", { tool: "add" }, {
    origin: APP,
    "x-api-key": KEY,
  });
  assert.equal(stream.headers.get("access-control-allow-origin"), APP);
  await stream.text();
});

Deno.test("Cors adds only Vary for other origins and for requests without an origin", async () => {
  const client = clientOf(memoryEngine({ config: LISTED }));
  for (const origin of [OTHER, "null", `${APP}.evil.example`, APP.toUpperCase(), undefined]) {
    const headers = { "x-api-key": KEY, ...(origin === undefined ? {} : { origin }) };
    const answer = await client.request("/", { headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("access-control-allow-origin"), null, String(origin));
    assert.equal(answer.headers.get("vary"), "accept, origin");
    await answer.body?.cancel();
  }
});

Deno.test("Cors with * allows every origin, without Vary", async () => {
  const config = { apiKey: KEY, cors: { origins: ["*"] } };
  const answer = await preflight(config, { origin: OTHER });
  assert.deepEqual([answer.status, answer.origin, answer.vary], [204, "*", null]);
});

Deno.test("Cors and checkOrigin() allow the same pages while there is no key", async () => {
  const client = clientOf(memoryEngine({ config: { cors: { origins: [APP] } } }));
  const cases: readonly [origin: string, status: number, allowed: string | null][] = [
    [APP, 200, APP],
    [OTHER, 403, null],
    ["http://localhost:5173", 200, null],
  ];
  for (const [origin, status, allowed] of cases) {
    const answer = await client.post("/v1/execute", { tool: "a" }, { origin });
    assert.equal(answer.status, status, origin);
    assert.equal(answer.headers.get("access-control-allow-origin"), allowed);
    await answer.body?.cancel();
  }
  const rebound = await client.post("/v1/execute", { tool: "a" }, {
    origin: APP,
    host: "evil.example",
  });
  assert.equal(rebound.status, 403);
  await rebound.body?.cancel();
});

Deno.test("createStartingApp() answers preflights, so that pages can read its 503", async () => {
  const app = createStartingApp({ version: "1", corsOrigins: [APP] });
  const headers = { origin: APP, "access-control-request-method": "POST" };
  const allowed = await app.request("/v1/execute", { method: "OPTIONS", headers });
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get("access-control-allow-methods"), "POST");
  assert.equal(allowed.headers.get("retry-after"), null);
  const answer = await app.request("/v1/execute", { method: "POST", headers: { origin: APP } });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("access-control-allow-origin"), APP);
});
