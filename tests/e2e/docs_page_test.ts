import assert from "node:assert/strict";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { browserTest, keptBy } from "../fixtures/browser.ts";
import { ServerProcess, tempDir } from "../fixtures/host.ts";

const KEY = "a-key-of-the-house";
const PATIENCE = { timeout: 120_000 };

async function awaitReference(page: Page): Promise<void> {
  await page.getByText("/v1/execute").first().waitFor({ state: "visible", ...PATIENCE });
}

browserTest(
  "GET /docs shows the routes at once without a key, with nothing from elsewhere",
  async ({ page, requests, errors }) => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({ dataDir: dir.path });
    await page.goto(`${server.url}/docs`);
    await awaitReference(page);
    assert.equal(await page.getByLabel("API key").count(), 0);
    assert.deepEqual(requests.filter((url) => !url.startsWith(server.url)), []);
    assert.deepEqual(errors, []);
  },
);

browserTest(
  "GET /docs asks for the key, sends it with requests, and keeps it in memory only",
  async ({ page, requests, errors }) => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_API_KEY: KEY },
    });
    await page.goto(`${server.url}/docs`);
    await page.getByLabel("API key").fill("a-wrong-key-of-the-house");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByRole("alert").getByText("The server refused this key.").waitFor(PATIENCE);
    await page.getByLabel("API key").fill(KEY);
    await page.keyboard.press("Enter");
    await awaitReference(page);

    await page.getByRole("button", { name: "Test Request (post /v1/execute)" }).click(PATIENCE);
    const [request] = await Promise.all([
      page.waitForRequest((it) => new URL(it.url()).pathname === "/v1/execute", PATIENCE),
      page.getByRole("button", { name: /post request to/i }).click(PATIENCE),
    ]);
    assert.equal(request.headers()["authorization"], `Bearer ${KEY}`);
    // What the page fills in for a reader who has chosen nothing must not change the call.
    assert.equal(new URL(request.url()).search, "");
    assert.deepEqual(request.postDataJSON(), { tool: "add", args: { a: 2, b: 3 } });
    const answer = await (await request.response())?.json();
    assert.equal(answer.result, 5);

    assert.ok(!(await keptBy(page)).includes(KEY));
    assert.deepEqual(
      requests.filter((url) => !url.startsWith(server.url) || url.includes(KEY)),
      [],
    );
    assert.deepEqual(errors, []);
    await page.reload();
    await page.getByLabel("API key").waitFor(PATIENCE);
  },
);

browserTest(
  "GET / shows where each tool runs, and no host tool that clients cannot call",
  async ({ page, errors }) => {
    await using dir = await tempDir();
    const config = join(dir.path, "snakeden.config.ts");
    await Deno.writeTextFile(
      config,
      `const run = () => 1;
      export default {
        pools: [{ name: "default", size: 1 }],
        hostTools: [{ name: "shown", exposeHttp: true, run }, { name: "hidden", run }],
      };`,
    );
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_CONFIG: config },
    });
    await page.goto(server.url);
    const placeOf = async (tool: string): Promise<string | undefined> =>
      await page.getByRole("article").filter({ hasText: tool }).locator("span").innerText();
    await page.getByRole("heading", { name: "shown" }).waitFor(PATIENCE);
    assert.equal((await placeOf("shown"))?.trim(), "host");
    assert.equal((await placeOf("text_stats"))?.trim(), "pool default");
    assert.equal(await page.getByText("hidden").count(), 0);
    assert.deepEqual(errors, []);
  },
);
