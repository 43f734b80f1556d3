import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "../memory_engine.ts";

Deno.test("GET /docs refers to nothing outside this server", async () => {
  const answer = await clientOf(memoryEngine()).request("/docs");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(answer.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const html = await answer.text();
  assert.match(html, /<script type="module" src="\/pages\/docs_page\.js"/);
  assert.doesNotMatch(html, /(src|href)="https?:/);
});

Deno.test("GET /docs/scalar.js returns the program of the page, compressed if the client accepts gzip", async () => {
  const client = clientOf(memoryEngine());
  const plain = await client.request("/docs/scalar.js");
  assert.equal(plain.status, 200);
  assert.match(plain.headers.get("content-type") ?? "", /^text\/javascript/);
  assert.equal(plain.headers.get("content-encoding"), null);
  const text = await plain.text();
  assert.ok(text.length > 1_000_000);
  assert.match(text, /createApiReference/);
  const compressed = await client.request("/docs/scalar.js", {
    headers: { "accept-encoding": "br, gzip" },
  });
  assert.equal(compressed.headers.get("content-encoding"), "gzip");
  assert.equal(compressed.headers.get("vary"), "accept-encoding");
  const unpacked = compressed.body?.pipeThrough(new DecompressionStream("gzip")) ?? null;
  assert.equal(await new Response(unpacked).text(), text);
  const refused = await client.request("/docs/scalar.js", {
    headers: { "accept-encoding": "gzip;q=0, br" },
  });
  assert.equal(refused.headers.get("content-encoding"), null);
  await refused.body?.cancel();
});
