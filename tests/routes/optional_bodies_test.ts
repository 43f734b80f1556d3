import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

const ROUTES = [
  ["POST", "/v1/programs/sum/run", 200],
  ["POST", "/v1/sessions", 201],
  ["PUT", "/v1/sessions/s9", 201],
  ["POST", "/v1/pools/default/recycle", 202],
  ["POST", "/v1/jobs/job-1/cancel", 404],
] as const;

/** Requests that clients send with nothing to say, such as `curl -X POST -H content-type:...`. */
const NOTHING: readonly RequestInit[] = [
  {},
  { headers: { "content-type": "application/json" } },
  { headers: { "content-type": "application/json", "content-length": "0" }, body: "" },
];

for (const [method, path, status] of ROUTES) {
  Deno.test(`${method} ${path} takes an empty body for none`, async () => {
    for (const init of NOTHING) {
      const engine = memoryEngine();
      await engine.programs.put("sum", { tool: "add", args: { a: 1, b: 2 } });
      const answer = await clientOf(engine).request(path, { method, ...init });
      const text = await answer.text();
      assert.equal(answer.status, status, text);
      if (status === 404) assert.equal(JSON.parse(text).code, "unknown_job");
    }
  });

  Deno.test(`${method} ${path} refuses a body of spaces`, async () => {
    const headers = { "content-type": "application/json" };
    const answer = await clientOf(memoryEngine()).request(path, { method, headers, body: " " });
    const { code, detail } = await answer.json();
    assert.deepEqual([answer.status, code], [400, "invalid_input"]);
    assert.match(detail, /it is not JSON: it is empty/);
  });

  Deno.test(`${method} ${path} does not take null for no body`, async () => {
    const headers = { "content-type": "application/json" };
    const answer = await clientOf(memoryEngine()).request(path, { method, headers, body: "null" });
    assert.equal((await answer.json()).code, "invalid_input");
    assert.equal(answer.status, 400);
  });
}
