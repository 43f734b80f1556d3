/** The page of docs/streams.md, in Chromium. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { snippetsOf } from "../docs/markdown.ts";
import { browserTest } from "../fixtures/browser.ts";
import { ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

browserTest(
  "an EventSource in a page reads the stream that the page has begun, and is closed at its end",
  async ({ page, requests, errors }) => {
    await using dir = await tempDir();
    const config = join(dir.path, "snakeden.config.json");
    await Deno.writeTextFile(config, JSON.stringify({ limits: { streamResumeMs: 30_000 } }));
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_CONFIG: config },
    });
    const markdown = await Deno.readTextFile(join(ROOT, "docs/streams.md"));
    const [snippet] = snippetsOf(markdown).filter(({ language }) => language === "js");
    const shown: string[] = [];
    page.on("console", (message) => shown.push(message.text()));
    await page.goto(server.url);
    const closed = `events.readyState === EventSource.CLOSED`;
    await page.evaluate(`(async () => {
      ${snippet?.text}
      while (!(${closed})) await new Promise((resolve) => setTimeout(resolve, 10));
    })()`);
    await until(() => shown.length >= 3, "the page has logged its chunks");
    assert.deepEqual(shown, ["0", "1", "2"]);
    assert.equal(requests.filter((url) => url.includes("/v1/streams/")).length, 1);
    assert.deepEqual(errors, []);
  },
);
