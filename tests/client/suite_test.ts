/** Runs the suite against the library, and against the client in Deno, Node and Chromium. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as library from "../../mod.ts";
import * as client from "../../src/client/mod.ts";
import { browserTest } from "../fixtures/browser.ts";
import { startDen } from "../fixtures/host.ts";
import { assertHeld, bundleSuite } from "./bundles.ts";
import { cuttingProxy, randomOf } from "./cutting_proxy.ts";
import { API_KEY, serveSuite } from "./served.ts";
import { HOST_TOOLS_OF_SUITE } from "./suite_host_tools.ts";
import { ADAPTERS_OF_SUITE, type CaseResult, CASES, runSuite } from "./suite/suite.ts";

const NODE = findNode();

/** Returns Node's program, if it is there in version 20 or later. */
function findNode(): string | undefined {
  try {
    const { success, stdout } = new Deno.Command("node", { args: ["--version"] }).outputSync();
    const [, major] = /^v(\d+)/.exec(new TextDecoder().decode(stdout)) ?? [];
    return success && Number(major) >= 20 ? "node" : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("the suite holds for the library, on both carriers", async (t) => {
  for (const carrier of ["socket", "grpc"] as const) {
    await t.step(carrier, async () => {
      const pool = { adapter: ADAPTERS_OF_SUITE, carrier, taintAfter: 100 } as const;
      await using den = await startDen(pool, { hostTools: HOST_TOOLS_OF_SUITE });
      const subject = { den, classes: library, sendsStreams: true };
      assertHeld(await runSuite(subject), CASES.length);
    });
  }
});

Deno.test("the suite holds for SnakedenClient in Deno", async () => {
  await using host = await serveSuite();
  await using den = new client.SnakedenClient({ baseUrl: host.url, apiKey: API_KEY });
  assertHeld(await runSuite({ den, classes: client, sendsStreams: true }), CASES.length);
});

Deno.test("the suite holds over connections that are cut, with a host that keeps streams", async () => {
  await using host = await serveSuite({ limits: { streamResumeMs: 20_000 } });
  const [seed = 0] = crypto.getRandomValues(new Uint32Array(1));
  await using proxy = cuttingProxy(host.url, randomOf(seed));
  await using den = new client.SnakedenClient({ baseUrl: proxy.url, apiKey: API_KEY });
  const results = await runSuite({ den, classes: client, sendsStreams: true });
  assert.ok(proxy.cuts > 10, `${proxy.cuts} cuts`);
  assertHeld(results.map((it) => ({ ...it, name: `${it.name} (seed ${seed})` })), CASES.length);
});

/** Runs the suite with the bundles; the same text for Node and a page. */
const RUN = `
export async function run(clientUrl, suiteUrl, options, sendsStreams) {
  const client = await import(clientUrl);
  const { runSuite } = await import(suiteUrl);
  const den = new client.SnakedenClient(options);
  try {
    return await runSuite({ den, classes: client, sendsStreams });
  } finally {
    await den.close();
  }
}
`;

Deno.test({
  name: "the suite holds for the bundle of SnakedenClient in Node",
  // CI has Node, since it installs Deno by npm.
  ignore: NODE === undefined && Deno.env.get("CI") === undefined,
  fn: async () => {
    await using host = await serveSuite();
    await bundleSuite(host.folder);
    const program = `${RUN}
const results = await run("./client.js", "./suite.js", ${options(host.url)}, true);
console.log(JSON.stringify(results));
`;
    await Deno.writeTextFile(join(host.folder, "package.json"), '{"type":"module"}');
    await Deno.writeTextFile(join(host.folder, "run.js"), program);
    const { code, stdout, stderr } = await new Deno.Command("node", {
      args: ["run.js"],
      cwd: host.folder,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assertHeld(JSON.parse(new TextDecoder().decode(stdout)), CASES.length);
  },
});

browserTest(
  "the suite holds for the bundle of SnakedenClient in a page",
  async ({ page, errors }) => {
    const files = await Deno.makeTempDir({ prefix: "snakeden-test-" });
    const site = serveFiles(files);
    try {
      await bundleSuite(files);
      await Deno.writeTextFile(join(files, "run.js"), RUN);
      await Deno.writeTextFile(join(files, "index.html"), "<!doctype html><title>suite</title>");
      const origin = `http://127.0.0.1:${site.addr.port}`;
      await using host = await serveSuite({ cors: { origins: [origin] } });
      await page.goto(`${origin}/index.html`);
      const results = await page.evaluate(async (options) => {
        const { run } = await import(`${"/run"}.js`);
        return await run("/client.js", "/suite.js", JSON.parse(options), false);
      }, options(host.url)) as CaseResult[];
      assertHeld(results, CASES.length);
      assert.deepEqual(errors, []);
    } finally {
      await site.shutdown();
      await Deno.remove(files, { recursive: true });
    }
  },
);

function options(baseUrl: string): string {
  return JSON.stringify({ baseUrl, apiKey: API_KEY });
}

function serveFiles(folder: string): Deno.HttpServer<Deno.NetAddr> {
  const onListen = (): void => {};
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, async (request) => {
    const { pathname } = new URL(request.url);
    const type = pathname.endsWith(".js") ? "text/javascript" : "text/html";
    try {
      const body = await Deno.readFile(join(folder, pathname));
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}
