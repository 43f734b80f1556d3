import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET / leads programs on with JSON and browsers with a page, and all links work", async () => {
  const client = clientOf(memoryEngine());
  const { links, ...rest } = await (await client.request("/")).json();
  assert.deepEqual(rest, { name: "snakeden", version: "1.2.3" });
  const page = await client.request("/", { headers: { accept: "text/html,*/*" } });
  const html = await page.text();
  assert.match(html, /^<!doctype html>/);
  for (const path of Object.values<string>(links)) {
    assert.ok(html.includes(`href="${path}"`));
    const answer = await client.request(path);
    assert.equal(answer.status, 200, path);
    await answer.body?.cancel();
  }
});
