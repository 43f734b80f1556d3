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

Deno.test("GET /v1/pools shows the last change of the code, and hides its reason with errors.output: false", async () => {
  const base = memoryEngine().pools.get("heavy");
  const reload = {
    state: "failed",
    changedAt: "2026-01-01T00:00:00.000Z",
    files: ["texts.py"],
    reason: "SyntaxError",
  } as const;
  const namespaces = {
    pools: { list: () => [{ ...base, reload }], get: () => ({ ...base, reload }) },
  };
  for (const output of [true, false]) {
    const client = clientOf(memoryEngine({ namespaces, config: { errors: { output } } }));
    const { reason, ...shown } = reload;
    const expected = output ? { ...shown, reason } : shown;
    const { pools: [listed] } = await (await client.request("/v1/pools")).json();
    assert.deepEqual(listed.reload, expected);
    assert.deepEqual((await (await client.request("/v1/pools/heavy")).json()).reload, expected);
  }
});
