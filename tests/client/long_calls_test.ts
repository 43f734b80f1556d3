import assert from "node:assert/strict";
import { clientOf, events, fakeHost, result } from "./fake_host.ts";

const OUTCOME = '"callId":"c","workerId":"w","durationMs":1,"queueMs":0}';

Deno.test("a call with a long deadline is answered as events, past their heartbeats", async () => {
  await using host = fakeHost(({ url, headers }) => {
    if (new URL(url).pathname === "/v1/tools") return Response.json({ tools: [] });
    return headers.get("accept") === "text/event-stream"
      ? events(`: heartbeat\n\nid: 1\nevent: done\ndata: {"result":7,${OUTCOME}\n\n`, "closes")
      : result(3);
  });
  await using client = clientOf([host.url]);
  assert.equal(await client.execute("x", {}, { timeoutMs: 60_001 }), 7);
  assert.equal(await client.execute("x", {}, { timeoutMs: 60_000 }), 3);
  assert.equal(await client.execute("x"), 3);
});

Deno.test("a program with a long deadline is answered at once, since it has no events", async () => {
  await using host = fakeHost(() => result(3));
  await using client = clientOf([host.url]);
  assert.equal(await client.programs.run("p", {}, { timeoutMs: 600_000 }), 3);
});
