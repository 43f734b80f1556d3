import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a key of the house".replaceAll(" ", "-");
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

Deno.test("gate() gives every answer a request id, and keeps a sane one that came", async () => {
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

Deno.test("gate() asks for the key everywhere but on the health paths", async () => {
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

Deno.test("gate() takes the key from either header, and no other one", async () => {
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

Deno.test("gate() refuses other names in Host while there is no key", async () => {
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

Deno.test("gate() refuses what web pages from elsewhere send while there is no key", async () => {
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

Deno.test("gate() leaves Host and Origin alone when there is a key", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY, host: "0.0.0.0" } }));
  const answer = await client.post("/v1/execute", { tool: "a" }, {
    host: "snakeden.example",
    origin: "https://app.example",
    authorization: `Bearer ${KEY}`,
  });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});

Deno.test("gate() refuses transfer codings and expectations that it does not know", async () => {
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
