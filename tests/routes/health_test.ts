import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

const DOWN = {
  ready: false,
  pools: { a: { ready: true, pingMs: 1 }, b: { ready: false, reason: "Traceback ..." } },
  devices: {
    "cuda:0": { health: "unhealthy", reason: "its workers crashed" },
    "cuda:1": { health: "healthy" },
  },
} as const;

Deno.test("GET /healthz returns the version and the uptime", async () => {
  const answer = await clientOf(memoryEngine()).request("/healthz");
  const { uptimeMs, ...rest } = await answer.json();
  assert.equal(answer.status, 200);
  assert.deepEqual(rest, { status: "ok", version: "1.2.3" });
  assert.ok(Number.isInteger(uptimeMs) && uptimeMs >= 0);
});

Deno.test("GET /readyz returns 200 when every pool can serve", async () => {
  const answer = await clientOf(memoryEngine()).request("/readyz");
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), {
    ready: true,
    pools: { default: { ready: true, pingMs: 1 } },
  });
});

Deno.test("GET /readyz returns 503 with the reason when a pool cannot serve", async () => {
  const engine = memoryEngine({ namespaces: { health: { ready: () => Promise.resolve(DOWN) } } });
  const answer = await clientOf(engine).request("/readyz");
  assert.equal(answer.status, 503);
  assert.deepEqual(await answer.json(), DOWN);
});

Deno.test("GET /readyz hides reasons when there is a key", async () => {
  const engine = memoryEngine({
    config: { apiKey: "k".repeat(16) },
    namespaces: { health: { ready: () => Promise.resolve(DOWN) } },
  });
  const { pools, devices } = await (await clientOf(engine).request("/readyz")).json();
  assert.deepEqual(pools.b, { ready: false });
  assert.deepEqual(devices, { "cuda:0": { health: "unhealthy" }, "cuda:1": { health: "healthy" } });
});
