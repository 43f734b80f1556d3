import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET /v1/tools lists the tools with their schemas", async () => {
  const { tools } = await (await clientOf(memoryEngine()).request("/v1/tools")).json();
  assert.deepEqual(tools.map((it: { name: string }) => it.name), ["add"]);
  assert.equal(tools[0].inputSchema.type, "object");
  assert.equal(tools[0].streams, false);
});

Deno.test("GET /v1/tools?pool= lists the tools of one pool", async () => {
  const client = clientOf(memoryEngine());
  assert.equal((await (await client.request("/v1/tools?pool=default")).json()).tools.length, 1);
  assert.equal((await (await client.request("/v1/tools?pool=heavy")).json()).tools.length, 0);
  const first = await client.request("/v1/tools?pool=default&pool=heavy");
  assert.equal((await first.json()).tools.length, 1);
});

Deno.test("GET /v1/tools?pool= suggests similar names for an unknown pool", async () => {
  const answer = await clientOf(memoryEngine()).request("/v1/tools?pool=heavi");
  assert.equal(answer.status, 404);
  const { code, detail } = await answer.json();
  assert.equal(code, "unknown_pool");
  assert.match(detail, /did you mean "heavy"\?/);
});
