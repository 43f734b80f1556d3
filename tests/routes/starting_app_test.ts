import assert from "node:assert/strict";
import { createStartingApp } from "../../src/routes/mod.ts";

Deno.test("createStartingApp() returns 503 for calls and 200 for /healthz", async () => {
  const app = createStartingApp({ version: "1.2.3" });
  const health = await app.request("/healthz");
  assert.deepEqual(await health.json(), { status: "ok", version: "1.2.3" });
  const ready = await app.request("/readyz");
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { ready: false, pools: {} });
  const call = await app.request("/v1/execute", { method: "POST" });
  assert.equal(call.status, 503);
  assert.ok(call.headers.has("retry-after"));
  const problem = await call.json();
  assert.equal(problem.retryable, true);
  assert.match(problem.detail, /still starting/);
});
