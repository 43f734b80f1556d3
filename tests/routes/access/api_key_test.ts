import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a key of the house".replaceAll(" ", "-");

Deno.test("apiKeyCheck() refuses requests without the key everywhere but on the health paths", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }));
  for (const path of ["/", "/v1/tools", "/v1/pools", "/openapi.json", "/docs", "/nope"]) {
    const answer = await client.request(path);
    assert.equal(answer.status, 401, path);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    const { code, detail } = await answer.json();
    assert.equal(code, "unauthenticated");
    assert.match(detail, /it brings no API key; send it as/);
  }
  for (const path of ["/healthz", "/readyz"]) {
    const answer = await client.request(path);
    assert.equal(answer.status, 200, path);
    await answer.body?.cancel();
  }
});

Deno.test("apiKeyCheck() takes the key from either header, and no other one", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }));
  const headers: [headers: Record<string, string>, status: number][] = [
    [{ authorization: `Bearer ${KEY}` }, 200],
    [{ authorization: `bearer  ${KEY}` }, 200],
    [{ "x-api-key": KEY }, 200],
    [{ authorization: `Bearer ${KEY}x` }, 401],
    [{ authorization: `Basic ${KEY}` }, 401],
    [{ authorization: "Bearer " }, 401],
    [{ "x-api-key": KEY.slice(1) }, 401],
    [{ "x-api-key": "ü" }, 401],
    [{ "x-api-key": "" }, 401],
  ];
  for (const [sent, status] of headers) {
    const answer = await client.request("/v1/tools", { headers: sent });
    assert.equal(answer.status, status, JSON.stringify(sent));
    assert.ok(!(await answer.text()).includes(KEY));
  }
});
