import assert from "node:assert/strict";
import { join } from "node:path";
import { browserTest } from "../fixtures/browser.ts";
import { ServerProcess, tempDir } from "../fixtures/host.ts";

const KEY = "a-key-of-the-house";

/** A site of another origin, with an empty page. */
function openSite(): AsyncDisposable & { readonly origin: string } {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response("<!doctype html><title>site</title>", {
        headers: { "content-type": "text/html" },
      }),
  );
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

browserTest(
  "a page of an origin in cors.origins calls tools and reads errors, and no other page does",
  async ({ page }) => {
    await using listed = openSite();
    await using other = openSite();
    await using dir = await tempDir();
    const config = join(dir.path, "snakeden.config.json");
    await Deno.writeTextFile(
      config,
      JSON.stringify({ apiKey: KEY, cors: { origins: [listed.origin] } }),
    );
    await using server = await ServerProcess.start({
      dataDir: join(dir.path, "data"),
      args: ["--config", config],
    });
    const call = (key: string, path = "/v1/execute"): Promise<string> =>
      page.evaluate(async ([url, key]) => {
        try {
          const answer = await fetch(url ?? "", {
            method: "POST",
            headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
            body: '{"tool":"counter","args":{"n":2}}',
          });
          const id = answer.headers.get("x-request-id") === null ? "without" : "with";
          return `${answer.status} ${id} id ${await answer.text()}`;
        } catch (error) {
          return String(error);
        }
      }, [`${server.url}${path}`, key]);
    await page.goto(listed.origin);
    assert.match(await call(KEY), /^200 with id \{"result":\[0,1\]/);
    assert.match(await call(KEY, "/v1/stream"), /^200 with id [^]*event: done/);
    assert.match(await call("wrong"), /^401 with id .*its API key is wrong/);
    assert.match(await call(KEY, "/v1/exequte"), /^404 with id .*did you mean \/v1\/execute/);
    await page.goto(other.origin);
    assert.match(await call(KEY), /TypeError: Failed to fetch/);
  },
);
