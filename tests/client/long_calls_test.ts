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

Deno.test("a followed call whose connection breaks is made again only if it is idempotent", async () => {
  let calls = 0;
  await using host = fakeHost(({ url }) => {
    if (new URL(url).pathname === "/v1/tools") return Response.json({ tools: [] });
    return ++calls % 2 === 1
      ? events("id: 1\nevent: progress\ndata: 1\n\n", "breaks")
      : events(`id: 2\nevent: done\ndata: {"result":7,${OUTCOME}\n\n`, "closes");
  });
  await using client = clientOf([host.url]);
  const long = { timeoutMs: 600_000 };
  assert.equal(await client.execute("x", {}, { ...long, idempotent: true }), 7);
  assert.equal(calls, 2);
  await assert.rejects(client.execute("x", {}, long), { code: "connection_lost" });
  assert.equal(calls, 3);
});
