import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

Deno.test("checkFraming() refuses transfer codings and expectations that it does not support", async () => {
  const client = clientOf(memoryEngine());
  const headers: [name: string, value: string, status: number][] = [
    ["transfer-encoding", "chunked", 200],
    ["transfer-encoding", " Chunked ", 200],
    ["transfer-encoding", "gzip, chunked", 501],
    ["transfer-encoding", "identity", 501],
    ["expect", "100-Continue", 200],
    ["expect", "200-maybe", 417],
    ["expect", "", 417],
  ];
  for (const [name, value, status] of headers) {
    for (const path of ["/v1/execute", "/v1/stream"]) {
      const answer = await client.post(path, { tool: "a" }, { [name]: value });
      assert.equal(answer.status, status, `${name}: ${value}`);
      const body = await answer.text();
      if (status !== 200) assert.deepEqual(JSON.parse(body).details.given, value);
    }
  }
});
