import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { ServerProcess, tempDir } from "../fixtures/host.ts";

/** The paths of the browser on Debian, on other systems, and after .ci/run. */
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function findBrowser(): string | undefined {
  return BROWSERS.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

const executablePath = findBrowser() ?? "";

Deno.test({
  name: "GET /docs shows the routes in a browser, with nothing from elsewhere",
  ignore: executablePath === "",
  // The browser's own pipes and timers belong to playwright, which ends them with the browser.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(): Promise<void> {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({ dataDir: dir.path });
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
    });
    try {
      const page = await browser.newPage();
      const elsewhere: string[] = [];
      page.on("request", (request) => {
        const url = request.url();
        if (!url.startsWith(server.url) && !/^(data|blob):/.test(url)) elsewhere.push(url);
      });
      await page.goto(`${server.url}/docs`);
      await page.getByText("/v1/execute").first().waitFor({ state: "visible", timeout: 30_000 });
      assert.deepEqual(elsewhere, []);
    } finally {
      await browser.close();
    }
  },
});
