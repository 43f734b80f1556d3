import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET /v1/workers lists the workers", async () => {
  const worker = {
    id: "default-1",
    incarnation: "i-1",
    pool: "default",
    state: "ready" as const,
    startedAt: "2026-01-02T03:04:05.678Z",
    calls: 3,
    pid: 42,
  };
  const engine = memoryEngine({ namespaces: { workers: { list: () => [worker] } } });
  assert.deepEqual(await (await clientOf(engine).request("/v1/workers")).json(), {
    workers: [worker],
  });
});

Deno.test("DELETE /v1/workers/:id returns 204 when the worker is gone", async () => {
  const engine = memoryEngine();
  const answer = await clientOf(engine).request("/v1/workers/default-1", { method: "DELETE" });
  assert.equal(answer.status, 204);
  assert.equal(answer.body, null);
  assert.deepEqual(engine.stopped, ["default-1"]);
});

Deno.test("DELETE /v1/workers/:id returns 404 for an unknown worker", async () => {
  const answer = await clientOf(memoryEngine()).request("/v1/workers/x-9", { method: "DELETE" });
  assert.equal(answer.status, 404);
  assert.equal((await answer.json()).code, "unknown_worker");
});
