import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET /v1/pools lists the pools", async () => {
  const { pools } = await (await clientOf(memoryEngine()).request("/v1/pools")).json();
  assert.deepEqual(pools.map((it: { name: string }) => it.name), ["default", "heavy"]);
});

Deno.test("GET /v1/pools/:name returns one pool", async () => {
  const pool = await (await clientOf(memoryEngine()).request("/v1/pools/heavy")).json();
  assert.equal(pool.name, "heavy");
  assert.deepEqual(pool.workers, { ready: 2, busy: 0, starting: 0 });
});

Deno.test("GET /v1/pools/:name suggests similar names for an unknown pool", async () => {
  for (const name of ["defautl", "%F0%9F%98%80", "..%2f"]) {
    const answer = await clientOf(memoryEngine()).request(`/v1/pools/${name}`);
    assert.equal(answer.status, 404);
    assert.equal((await answer.json()).code, "unknown_pool");
  }
});
