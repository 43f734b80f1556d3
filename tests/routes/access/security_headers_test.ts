import assert from "node:assert/strict";
import { createStartingApp } from "../../../src/routes/mod.ts";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a-key-of-the-house";

function assertSecured({ headers, status }: Response, what: string): void {
  const found = ["x-content-type-options", "referrer-policy", "cache-control"]
    .map((name) => headers.get(name));
  assert.deepEqual(found, ["nosniff", "no-referrer", "no-store"], `${what} ${status}`);
}

Deno.test("secure() adds its headers to responses of every status", async () => {
  const client = clientOf(memoryEngine());
  for (const path of ["/", "/docs", "/v1/tools", "/openapi.json", "/healthz", "/readyz", "/nope"]) {
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT"]) {
      const answer = await client.request(path, { method });
      assertSecured(answer, `${method} ${path}`);
      await answer.body?.cancel();
    }
  }
  const headers = { host: "evil.example" };
  for (const path of ["/v1/execute", "/v1/stream"]) {
    for (const [body, more] of [[{ tool: "add" }, {}], ["{", {}], [{ tool: "add" }, headers]]) {
      const answer = await client.post(path, body, more as Record<string, string>);
      assertSecured(answer, path);
      await answer.text();
    }
  }
  const refused = await clientOf(memoryEngine({ config: { apiKey: KEY } })).request("/v1/tools");
  assert.equal(refused.status, 401);
  assertSecured(refused, "a request without a key");
  assertSecured(await createStartingApp({ version: "1" }).request("/v1/tools"), "the start");
});

Deno.test("secure() keeps the cache-control that a response has", async () => {
  const answer = await clientOf(memoryEngine()).request("/docs/scalar.js");
  assert.equal(answer.headers.get("cache-control"), "max-age=3600");
  await answer.body?.cancel();
});

Deno.test("pageHeaders() restricts pages to this server and forbids frames", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }));
  for (const path of ["/", "/docs"]) {
    const answer = await client.request(path, { headers: { accept: "text/html" } });
    const policy = answer.headers.get("content-security-policy") ?? "";
    for (
      const directive of [
        /default-src 'none'/,
        /script-src 'self'(;|$)/,
        /connect-src 'self'(;|$)/,
        /form-action 'none'/,
        /frame-ancestors 'none'/,
      ]
    ) assert.match(policy, directive, path);
    assert.equal(answer.headers.get("x-frame-options"), "DENY");
    await answer.body?.cancel();
  }
});
