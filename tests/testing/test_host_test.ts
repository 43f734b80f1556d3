import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { defineTool } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { InvalidInputError, SnakedenError } from "../../src/errors.ts";
import { startTestHost, type TestHost } from "../../src/testing/mod.ts";
import { ADAPTERS, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const python = { executable: await devPython() };

async function assertGone({ dataDir, url, den: { runId } }: TestHost): Promise<void> {
  await until(() => workersOf({ runId }).length === 0, "the workers to end");
  await assert.rejects(Deno.stat(dataDir), Deno.errors.NotFound);
  await assert.rejects(fetch(url), TypeError);
}

Deno.test("startTestHost() serves an adapter to the library and over HTTP", async () => {
  let ended: TestHost;
  {
    await using host = await startTestHost({
      adapter: ["snakeden.demo", "streams"],
      modulePaths: [ADAPTERS],
      python,
    });
    ended = host;
    assert.equal(await host.den.execute("add", { a: 2, b: 3 }), 5);
    assert.equal(await host.client.execute("add", { a: 2, b: 3 }), 5);
    assert.deepEqual(await Array.fromAsync(host.client.stream("counter", { n: 2 })), [0, 1]);
    assert.equal(host.den.workers.list().length, 1);
    assert.match(host.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.ok((await Deno.stat(join(host.dataDir, "store"))).isDirectory);
  }
  await assertGone(ended);
});

Deno.test("startTestHost() uses the Python environments of the project", async () => {
  await using host = await startTestHost();
  const shared = await Deno.realPath(join(Deno.env.get("SNAKEDEN_DATA_DIR") || ".snakeden"));
  assert.equal(await Deno.realPath(join(host.dataDir, "python")), join(shared, "python"));
  assert.equal(await host.den.execute("add", { a: 1, b: 1 }), 2);
});

Deno.test("startTestHost() takes pools and an API key as Snakeden.start() does", async () => {
  await using host = await startTestHost({
    pools: [{ name: "a", size: 2 }, { name: "b", size: 1 }],
    apiKey: "a-key-of-enough-characters",
    python,
  });
  assert.deepEqual((await host.client.pools.list()).map(({ name }) => name), ["a", "b"]);
  const { status, body } = await fetch(`${host.url}/v1/tools`);
  await body?.cancel();
  assert.equal(status, 401);
});

Deno.test("startTestHost() takes host tools, which Python calls", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(
    join(dir.path, "greets.py"),
    "from snakeden import current_call, tool\n\n@tool\ndef greet(id: int) -> str:\n" +
      '    return "Hello, " + current_call().tools.lookup(id=id)\n',
  );
  const lookup = defineTool({
    name: "lookup",
    input: z.object({ id: z.number() }),
    expose: "all",
    run: ({ id }) => `customer ${id}`,
  });
  await using host = await startTestHost({
    adapter: "greets",
    modulePaths: [dir.path],
    hostTools: [lookup],
    python,
  });
  assert.equal(await host.client.execute("greet", { id: 3 }), "Hello, customer 3");
});

Deno.test("a test host ends at once, although calls run", async () => {
  let ended: TestHost;
  let pending: Promise<unknown>;
  {
    await using host = await startTestHost({ python });
    ended = host;
    const stream = host.den.stream("counter", { n: 1e9 }, { timeoutMs: 600_000 });
    await stream[Symbol.asyncIterator]().next();
    pending = fetch(`${host.url}/v1/execute`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool: "add", args: { a: 1, b: 1 } }),
    }).then(async (answer) => {
      await answer.body?.cancel();
      return answer.status;
    });
    await until(() => host.den.pools.get("default").queued > 0, "the call to wait");
  }
  assert.equal(await pending, 503);
  await assertGone(ended);
});

Deno.test("startTestHost() leaves nothing when it fails", async () => {
  const before = await folders();
  await assert.rejects(
    startTestHost({ adapter: "no_such_module_at_all", python }),
    { code: "startup_failed", message: /default: .*no_such_module_at_all/s },
  );
  await assert.rejects(startTestHost({ port: -1, python }), InvalidInputError);
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await assert.rejects(startTestHost({ port, python }), SnakedenError);
  assert.deepEqual((await folders()).filter((it) => !before.includes(it)), []);
});

Deno.test("startTestHost() refuses adapter beside pools", async () => {
  await assert.rejects(
    startTestHost({ adapter: "a", pools: [{ name: "default", size: 1 }] }),
    { code: "config_invalid", message: /adapter: given beside pools; allowed: one of/ },
  );
});

/** Returns the data directories of this process: other tests may run beside this one. */
async function folders(): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/tmp")) {
    if (!name.startsWith("snakeden-test-")) continue;
    const link = await Deno.readLink(join("/tmp", name, "python")).catch(() => "");
    if (link.startsWith(Deno.cwd())) found.push(name);
  }
  return found;
}
