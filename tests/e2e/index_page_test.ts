import assert from "node:assert/strict";
import { browserTest, keptBy } from "../fixtures/browser.ts";
import { ServerProcess, tempDir } from "../fixtures/host.ts";

const KEY = "a-key-of-the-house";
const PATIENCE = { timeout: 30_000 };

browserTest(
  "GET / lists pools and tools at once without a key",
  async ({ page, requests, errors }) => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({ dataDir: dir.path });
    await page.goto(server.url);
    await page.getByRole("heading", { name: /^Tools/ }).waitFor(PATIENCE);
    assert.equal(await page.getByLabel("API key").isVisible(), false);
    const row = page.getByRole("row", { name: /^default ready 2 of 2|^default/ });
    assert.match(await row.innerText(), /default\s+ready\s+\d+ of \d+\s+0\s+0\s+snakeden\.demo/);
    const add = page.getByRole("article").filter({
      has: page.getByRole("heading", { name: "add" }),
    });

    const command = await add.locator("pre").innerText();
    assert.match(command, /"tool":"add","args":\{"a":2,"b":3\}/);
    assert.doesNotMatch(command, /authorization/);
    // The example is a command that works.
    const { success, stdout } = await new Deno.Command("bash", { args: ["-c", `${command} -s`] })
      .output();
    assert.ok(success);
    assert.equal(JSON.parse(new TextDecoder().decode(stdout)).result, 5);
    await page.getByRole("button", { name: "Refresh" }).click();
    await page.getByRole("status").getByText(/^Updated at/).waitFor(PATIENCE);
    assert.deepEqual(requests.filter((url) => !url.startsWith(server.url)), []);
    assert.deepEqual(errors, []);
  },
);

browserTest(
  "GET / asks for the key, says when it is wrong, and keeps it in memory only",
  async ({ page, requests, errors }) => {
    await using dir = await tempDir();
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_API_KEY: KEY },
    });
    await page.goto(server.url);
    const field = page.getByLabel("API key");
    await field.waitFor(PATIENCE);
    // The keyboard alone is enough: the field has the focus.
    await page.keyboard.type("with spaces in it");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("without spaces").waitFor(PATIENCE);
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await field.fill("a-wrong-key-of-the-house");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("The server refused this key.").waitFor(PATIENCE);
    assert.equal(await page.getByRole("heading", { name: /^Tools/ }).isVisible(), false);
    await page.keyboard.type(KEY);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /^Tools/ }).waitFor(PATIENCE);
    assert.equal(await field.isVisible(), false);
    assert.equal(await field.inputValue(), "");
    assert.match(
      await page.locator("details[open] pre").first().innerText(),
      /Bearer \$SNAKEDEN_API_KEY/,
    );
    assert.ok(!(await page.content()).includes(KEY));
    assert.ok(!(await keptBy(page)).includes(KEY));
    assert.deepEqual(
      requests.filter((url) => !url.startsWith(server.url) || url.includes(KEY)),
      [],
    );
    assert.deepEqual(errors, []);
    await page.reload();
    await field.waitFor(PATIENCE);
  },
);

browserTest("GET / says when the server is gone, and can try again", async ({ page }) => {
  await using dir = await tempDir();
  const server = await ServerProcess.start({ dataDir: dir.path });
  await page.goto(server.url);
  await page.getByRole("heading", { name: /^Tools/ }).waitFor(PATIENCE);
  await server[Symbol.asyncDispose]();
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByRole("status").getByText("The server cannot be reached.").waitFor(PATIENCE);
});
