import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const BAD = ["", "x".repeat(129), "x".repeat(10_240), "a/b", "a%2Fb", "a b", "a\n", "\u0000", "ü"];

Deno.test("/v1/execute and /v1/stream refuse a sessionId that no session can have, and name the rule", async () => {
  const client = clientOf(memoryEngine());
  const headers = { "content-type": "application/json" };
  for (const path of ["/v1/execute", "/v1/stream"]) {
    for (const sessionId of [...BAD, 7, null]) {
      const inBody = JSON.stringify({ tool: "add", sessionId });
      const inQuery = `${path}?sessionId=${encodeURIComponent(String(sessionId))}`;
      const answers = [await client.request(path, { method: "POST", headers, body: inBody })];
      if (typeof sessionId === "string") {
        const body = JSON.stringify({ tool: "add" });
        answers.push(await client.request(inQuery, { method: "POST", headers, body }));
      }
      for (const answer of answers) {
        const { code, errors } = await answer.json();
        assert.deepEqual([answer.status, code], [400, "invalid_input"], `${path}: ${sessionId}`);
        assert.equal(errors.length, 1);
        assert.equal(errors[0].path, "sessionId");
        assert.match(errors[0].message, /; allowed: 1 to 128 letters, digits or \. _ : -$/);
        // What was given is not repeated at length.
        assert.ok(errors[0].message.length < 150, errors[0].message);
      }
    }
  }
});

Deno.test("/v1/execute takes every character that the id of a session may have", async () => {
  const client = clientOf(memoryEngine());
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ tool: "add", sessionId: "aZ09._:-" });
  const answer = await client.request("/v1/execute", { method: "POST", headers, body });
  assert.equal(answer.status, 200);
});
