import assert from "node:assert/strict";
import type { WorkerInfo } from "../../src/pool/mod.ts";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET /v1/workers lists the workers", async () => {
  const worker = {
    id: "default-1",
    incarnation: "i-1",
    pool: "default",
    state: "ready" as const,
    startedAt: "2026-01-02T03:04:05.678Z",
    calls: 3,
    capacity: 1,
    begun: 0,
    pid: 42,
    deviceUses: [
      {
        framework: "torch",
        version: "2.15.0+cpu",
        state: "unable" as const,
        text: "torch 2.15.0+cpu is built without CUDA",
        memoryBytes: null,
      },
    ],
    warnings: ["device_not_used" as const],
    device: {
      id: "cuda:1",
      kind: "cuda" as const,
      name: "NVIDIA L4",
      uuid: "GPU-0001",
      share: 0.5,
    },
  };
  const engine = memoryEngine({ namespaces: { workers: { list: () => [worker] } } });
  assert.deepEqual(await (await clientOf(engine).request("/v1/workers")).json(), {
    workers: [worker],
  });
});

Deno.test("GET /v1/workers shows UUIDs to holders of the key and, without a key, to this machine", async () => {
  const device = { id: "cuda:1", kind: "cuda" as const, name: "NVIDIA L4", share: 1 };
  const worker = {
    id: "default-1",
    incarnation: "i-1",
    pool: "default",
    state: "ready" as const,
    startedAt: "2026-01-02T03:04:05.678Z",
    calls: 0,
    capacity: 1,
    begun: 0,
  };
  const placed = { ...worker, device: { ...device, uuid: "GPU-0001" } };
  const namespaces = { workers: { list: () => [placed, worker] } };
  const hidden = [{ ...worker, device }, worker];
  const apiKey = "k".repeat(16);
  const cases = [
    [undefined, undefined, [placed, worker]],
    [undefined, "127.0.0.1", [placed, worker]],
    [undefined, "192.0.2.7", hidden],
    [apiKey, "192.0.2.7", [placed, worker]],
  ] as const;
  for (const [key, address, expected] of cases) {
    const config = key === undefined ? {} : { apiKey: key };
    const client = clientOf(memoryEngine({ namespaces, config }));
    const headers: HeadersInit = key === undefined ? {} : { "x-api-key": key };
    const answer = await client.request("/v1/workers", { headers }, address);
    assert.deepEqual((await answer.json()).workers, expected);
  }
});

Deno.test("GET /v1/workers hides messages of exceptions with errors.output: false", async () => {
  const use = { framework: "torch", version: "2.15.0", memoryBytes: null };
  const unknown = {
    ...use,
    state: "unknown",
    text: "torch 2.15.0 could not be asked: /srv",
  } as const;
  const unused = { ...use, state: "unused", text: "torch 2.15.0 has nothing there" } as const;
  const worker = {
    id: "default-1",
    incarnation: "i-1",
    pool: "default",
    state: "ready" as const,
    startedAt: "2026-01-02T03:04:05.678Z",
    calls: 0,
    capacity: 1,
    begun: 0,
  };
  const list = (): WorkerInfo[] => [{ ...worker, deviceUses: [unknown, unused] }, worker];
  for (const output of [true, false]) {
    const namespaces = { workers: { list } };
    const client = clientOf(memoryEngine({ namespaces, config: { errors: { output } } }));
    const { workers } = await (await client.request("/v1/workers")).json();
    const shown = output ? unknown : { ...unknown, text: "torch could not be asked" };
    assert.deepEqual(workers, [{ ...worker, deviceUses: [shown, unused] }, worker]);
  }
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
