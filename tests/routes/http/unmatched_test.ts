import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

Deno.test("unmatched() returns 404 and names similar paths", async () => {
  const client = clientOf(memoryEngine());
  const near = await client.request("/v1/excute", { method: "POST" });
  assert.equal(near.status, 404);
  const problem = await near.json();
  assert.equal(problem.code, "not_found");
  assert.match(problem.detail, /There is nothing at \/v1\/excute; did you mean \/v1\/execute\?/);
  const far = await client.request("/some/where/else/entirely");
  assert.match((await far.json()).detail, /GET \/openapi\.json lists what there is/);
});

const METHODS: readonly [method: string, path: string, allow: string][] = [
  ["GET", "/v1/execute", "OPTIONS, POST"],
  ["HEAD", "/v1/stream", "OPTIONS, POST"],
  ["PUT", "/v1/tools", "GET, HEAD, OPTIONS"],
  ["POST", "/v1/workers/default-1", "DELETE, OPTIONS"],
  ["DELETE", "/v1/tools", "GET, HEAD, OPTIONS"],
  ["PATCH", "/docs", "GET, HEAD, OPTIONS"],
];

for (const [method, path, allow] of METHODS) {
  Deno.test(`unmatched() returns 405 with Allow for ${method} ${path}`, async () => {
    const answer = await clientOf(memoryEngine()).request(path, { method });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get("allow"), allow);
    const text = await answer.text();
    if (method !== "HEAD") assert.equal(JSON.parse(text).code, "method_not_allowed");
  });
}

Deno.test("unmatched() responds to OPTIONS with Allow and without CORS", async () => {
  const answer = await clientOf(memoryEngine()).request("/v1/execute", { method: "OPTIONS" });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("allow"), "OPTIONS, POST");
  assert.equal(answer.headers.get("access-control-allow-origin"), null);
});

Deno.test("HEAD returns what GET does, without a body", async () => {
  for (const path of ["/", "/v1/tools", "/v1/pools/default", "/healthz", "/openapi.json"]) {
    const answer = await clientOf(memoryEngine()).request(path, { method: "HEAD" });
    assert.equal(answer.status, 200, path);
    assert.equal(await answer.text(), "");
  }
});
