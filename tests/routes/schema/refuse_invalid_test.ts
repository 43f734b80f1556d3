import { createRoute, z } from "@hono/zod-openapi";
import assert from "node:assert/strict";
import { createApp } from "../../../src/routes/mod.ts";
import { memoryEngine } from "../memory_engine.ts";

Deno.test("refuseInvalid() returns a problem when the schema of a route refuses a request", async () => {
  const app = createApp(memoryEngine(), { version: "1" });
  const route = createRoute({
    method: "get",
    path: "/counted",
    request: { query: z.object({ n: z.coerce.number().min(1) }) },
    responses: { 204: { description: "It is counted." } },
  });
  app.openapi(route, (c) => c.body(null, 204));
  assert.equal((await app.request("/counted?n=1")).status, 204);
  const answer = await app.request("/counted?n=0");
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const { code, detail, errors } = await answer.json();
  assert.equal(code, "invalid_input");
  assert.match(detail, /^Cannot take the request: its query is not valid: n: /);
  assert.deepEqual(errors.map((it: { path: string }) => it.path), ["n"]);
});
