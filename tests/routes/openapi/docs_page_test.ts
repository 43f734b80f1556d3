import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

Deno.test("GET /docs names nothing that lies outside of this server", async () => {
  const answer = await clientOf(memoryEngine()).request("/docs");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const html = await answer.text();
  assert.match(html, /<script src="\/docs\/scalar\.js"/);
  assert.match(html, /\/openapi\.json/);
  assert.doesNotMatch(html, /(src|href)="https?:/);
});

Deno.test("GET /docs/scalar.js is the program of the page, out of the cache of modules", async () => {
  const client = clientOf(memoryEngine());
  const answer = await client.request("/docs/scalar.js");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/javascript/);
  const text = await answer.text();
  assert.ok(text.length > 1_000_000);
  assert.match(text, /createApiReference/);
});
