import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a key of the house".replaceAll(" ", "-");

Deno.test("checkOrigin() refuses foreign host names when there is no key", async () => {
  const client = clientOf(memoryEngine());
  const hosts: [host: string, status: number][] = [
    ["localhost:8000", 200],
    ["127.0.0.1", 200],
    ["[::1]:8000", 200],
    ["evil.example:8000", 403],
    ["localhost.evil.example", 403],
    ["192.168.1.5:8000", 403],
    ["", 403],
  ];
  for (const [host, status] of hosts) {
    const answer = await client.request("/v1/tools", { headers: { host } });
    assert.equal(answer.status, status, host);
    await answer.body?.cancel();
  }
});

Deno.test("checkOrigin() refuses requests of foreign web pages when there is no key", async () => {
  const client = clientOf(memoryEngine());
  const origins: [origin: string, status: number][] = [
    ["http://localhost:5173", 200],
    ["http://127.0.0.1:8000", 200],
    ["https://evil.example", 403],
    ["null", 403],
    ["http://localhost.evil.example", 403],
  ];
  for (const [origin, status] of origins) {
    const answer = await client.post("/v1/execute", { tool: "a" }, { origin });
    assert.equal(answer.status, status, origin);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
    await answer.body?.cancel();
  }
});

Deno.test("checkOrigin() accepts forms only of its own pages, and of listed origins", async () => {
  const client = clientOf(memoryEngine({ config: { cors: { origins: ["http://app.example"] } } }));
  const origins: [origin: string | undefined, status: number][] = [
    [undefined, 200],
    ["http://localhost:8000", 200],
    ["http://app.example", 200],
    ["http://localhost:5173", 403],
    ["http://127.0.0.1:8000", 403],
  ];
  for (const [origin, status] of origins) {
    const body = new FormData();
    body.set("n", "1");
    const answer = await client.request("/v1/execute?tool=a", {
      method: "POST",
      body,
      headers: { host: "localhost:8000", ...(origin === undefined ? {} : { origin }) },
    });
    const text = await answer.text();
    assert.equal(answer.status, status, `${origin}: ${text}`);
    if (status === 403) assert.match(text, /cors\.origins/);
  }
});

Deno.test("checkOrigin() does not run when there is a key", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY, host: "0.0.0.0" } }));
  const answer = await client.post("/v1/execute", { tool: "a" }, {
    host: "snakeden.example",
    origin: "https://app.example",
    authorization: `Bearer ${KEY}`,
  });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});
