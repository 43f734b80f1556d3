import assert from "node:assert/strict";
import { ApiKeys } from "../../../src/routes/access/api_keys.ts";
import { clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a-key-of-the-house";
const OTHER = "another-key-of-the-house";

Deno.test("ApiKeys.shownIn() takes any of the keys, from either header", () => {
  const keys = new ApiKeys([KEY, OTHER]);
  const cases: readonly [headers: Record<string, string>, shown: string][] = [
    [{ authorization: `Bearer ${KEY}` }, "right"],
    [{ authorization: `bearer  ${OTHER}` }, "right"],
    [{ "x-api-key": KEY }, "right"],
    [{ "x-api-key": OTHER }, "right"],
    [{ authorization: `Bearer ${KEY}x` }, "wrong"],
    [{ authorization: `Bearer ${KEY} ${OTHER}` }, "wrong"],
    [{ "x-api-key": KEY.slice(1) }, "wrong"],
    [{ "x-api-key": "ü" }, "wrong"],
    [{ "x-api-key": "" }, "wrong"],
    [{ authorization: `Basic ${KEY}` }, "none"],
    [{ authorization: "Bearer " }, "none"],
    [{}, "none"],
  ];
  for (const [headers, shown] of cases) {
    assert.equal(keys.shownIn(new Headers(headers)), shown, JSON.stringify(headers));
  }
});

Deno.test("ApiKeys.replace() makes other keys the valid ones", () => {
  const keys = new ApiKeys([KEY]);
  keys.replace([OTHER]);
  assert.equal(keys.shownIn(new Headers({ "x-api-key": KEY })), "wrong");
  assert.equal(keys.shownIn(new Headers({ "x-api-key": OTHER })), "right");
});

Deno.test("access() refuses requests without a key, and says how to send one", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: [KEY, OTHER] } }));
  for (const path of ["/v1/tools", "/v1/pools", "/openapi.json", "/nope"]) {
    const answer = await client.request(path);
    assert.equal(answer.status, 401, path);
    assert.equal(answer.headers.get("www-authenticate"), 'Bearer realm="snakeden"');
    const { code, detail } = await answer.json();
    assert.equal(code, "unauthenticated");
    assert.match(detail, /it has no API key; send it as `authorization: Bearer KEY`/);
    const wrong = await client.request(path, { headers: { "x-api-key": `${KEY}-` } });
    assert.equal(wrong.status, 401, path);
    const text = await wrong.text();
    assert.match(text, /its API key is wrong/);
    assert.ok(!text.includes(KEY));
  }
});

Deno.test("access() lets health checks and pages pass without a key", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }));
  const accept = { accept: "text/html" };
  for (const path of ["/healthz", "/readyz", "/", "/docs", "/docs/scalar.js", "/pages/page.css"]) {
    const answer = await client.request(path, path === "/" ? { headers: accept } : {});
    assert.equal(answer.status, 200, path);
    assert.ok(!(await answer.text()).includes(KEY));
  }
});

Deno.test("access() takes each of several keys", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: [KEY, OTHER] } }));
  for (const key of [KEY, OTHER]) {
    const answer = await client.request("/v1/tools", { headers: { "x-api-key": key } });
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  }
});
