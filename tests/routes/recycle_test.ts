import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("POST /v1/pools/:name/recycle returns 202 with the workers that are being replaced", async () => {
  const engine = memoryEngine();
  const client = clientOf(engine);
  for (const init of [{}, { body: "{}", headers: { "content-type": "application/json" } }]) {
    const answer = await client.request("/v1/pools/default/recycle", { method: "POST", ...init });
    assert.equal(answer.status, 202);
    assert.deepEqual(await answer.json(), { workers: ["default-1", "default-2"] });
  }
  const some = await client.post("/v1/pools/default/recycle", { workers: ["default-2"] });
  assert.deepEqual(await some.json(), { workers: ["default-2"] });
  assert.deepEqual(engine.recycled, [
    { pool: "default" },
    { pool: "default" },
    { pool: "default", workers: ["default-2"] },
  ]);
});

Deno.test("POST /v1/pools/:name/recycle refuses a wrong body, and replaces nothing", async () => {
  const engine = memoryEngine();
  const cases: readonly [path: string, body: unknown, status: number, text: RegExp][] = [
    ["defautl", {}, 404, /did you mean \\"default\\"/],
    ["default", [], 400, /allowed: an object/],
    ["default", { workers: [] }, 400, /workers: allowed: a list of 1 to 256 ids/],
    ["default", { workers: "default-1" }, 400, /workers: allowed/],
    ["default", { workers: [1], worker: 2 }, 400, /worker: unknown key.*workers: allowed/],
    ["default", "{", 400, /not JSON/],
    ["default", " ", 400, /it is empty/],
  ];
  for (const [pool, body, status, text] of cases) {
    const answer = await clientOf(engine).post(`/v1/pools/${pool}/recycle`, body);
    assert.equal(answer.status, status);
    assert.match(await answer.text(), text);
  }
  assert.deepEqual(engine.recycled, []);
});
