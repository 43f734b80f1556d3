import assert from "node:assert/strict";
import { clientOf, memoryEngine } from "./memory_engine.ts";

Deno.test("GET / returns working links as JSON", async () => {
  const client = clientOf(memoryEngine());
  const { links, ...rest } = await (await client.request("/")).json();
  assert.deepEqual(rest, { name: "snakeden", version: "1.2.3" });
  for (const path of Object.values<string>(links)) {
    const answer = await client.request(path);
    // Without the headers of a WebSocket, its path refuses.
    assert.equal(answer.status, path === "/v1/socket" ? 426 : 200, path);
    await answer.body?.cancel();
  }
});

for (const apiKey of [undefined, "a-key-of-the-house"]) {
  const config = apiKey === undefined ? {} : { apiKey };
  Deno.test(`GET / returns a page with working files and links to browsers ${apiKey === undefined ? "without" : "with"} an API key`, async () => {
    const client = clientOf(memoryEngine({ config }));
    const page = await client.request("/", { headers: { accept: "text/html,*/*" } });
    assert.equal(page.status, 200);
    assert.equal(page.headers.get("vary"), "accept");
    const html = await page.text();
    assert.match(html, /^<!doctype html>/);
    assert.ok(html.includes(`data-needs-key="${apiKey !== undefined}"`));
    const paths = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path ?? "");
    assert.ok(paths.length >= 5, paths.join());
    for (const path of paths.filter((it) => it !== "data:,")) {
      const answer = await client.request(path);
      assert.equal(answer.status, 200, path);
      await answer.body?.cancel();
    }
  });
}

Deno.test("GET /pages/... returns every module that a page imports", async () => {
  const client = clientOf(memoryEngine());
  for (const name of ["index_page", "docs_page", "key_form", "example_call"]) {
    const answer = await client.request(`/pages/${name}.js`);
    assert.match(answer.headers.get("content-type") ?? "", /^text\/javascript/);
    const imports = (await answer.text()).matchAll(/from "\.\/([^"]+)"/g);
    for (const [, file] of imports) {
      const { status, body } = await client.request(`/pages/${file}`);
      assert.equal(status, 200, file ?? "");
      await body?.cancel();
    }
  }
});
