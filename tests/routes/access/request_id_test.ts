import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

Deno.test("requestIdOf() keeps a valid id of the request, and makes a new one otherwise", async () => {
  const client = clientOf(memoryEngine());
  const ids: [given: string | undefined, kept: boolean][] = [
    [undefined, false],
    ["abc-1.2:3", true],
    ["x".repeat(128), true],
    ["x".repeat(129), false],
    ["with space", false],
    ["<script>", false],
  ];
  for (const [given, kept] of ids) {
    for (const path of ["/healthz", "/nope"]) {
      const headers = given === undefined ? {} : { "x-request-id": given };
      const answer = await client.request(path, { headers });
      const id = answer.headers.get("x-request-id") ?? "";
      if (kept) assert.equal(id, given);
      else assert.match(id, UUID);
      const body = await answer.json();
      if (path === "/nope") assert.equal(body.requestId, id);
    }
  }
});
