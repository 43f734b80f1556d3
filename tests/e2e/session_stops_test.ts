/** Tests a server that is told to stop while sessions are written and strict calls wait. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { Random } from "../chaos/random.ts";
import { ADAPTERS, ServerProcess, tempDir, workersOf } from "../fixtures/host.ts";
import { ModelledSession } from "../fixtures/models/modelled_session.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";

const WRITERS = 6;

interface Answer {
  readonly status: number;
  readonly body: {
    readonly code?: string;
    readonly value?: unknown;
    readonly result?: { readonly count: number };
  };
}

async function configured(dir: string): Promise<Record<string, string>> {
  const config = join(dir, "snakeden.config.json");
  const pools = [{
    name: "default",
    size: 1,
    adapter: "counts_locally",
    modulePaths: [ADAPTERS],
  }];
  await Deno.writeTextFile(config, JSON.stringify({ pools }));
  return {
    SNAKEDEN_CONFIG: config,
    SNAKEDEN_DATA_DIR: dir,
    SNAKEDEN_PYTHON: await devPython(),
    SNAKEDEN_PORT: "0",
  };
}

async function ask(
  url: string,
  path: string,
  { method = "GET", body }: { readonly method?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const answer = await fetch(`${url}/v1/${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** Calls the tool `count` in the strict session `s`. */
function count(
  url: string,
  args: { readonly seconds: number; readonly name: string },
): Promise<Answer> {
  const body = { tool: "count", args, sessionId: "s", affinity: "strict_queue" };
  return ask(url, "execute", { method: "POST", body });
}

async function has(url: string, name: string): Promise<boolean> {
  return (await ask(url, `sessions/s/variables/${name}`)).status === 200;
}

Deno.test("Variables whose write was answered are there after Ctrl-C in the middle of writes", async () => {
  await using dir = await tempDir();
  const env = await configured(dir.path);
  const random = new Random(Math.floor(Math.random() * 2 ** 32));
  const session = new ModelledSession("m", { names: 8 });
  {
    await using terminal = await Terminal.open([Deno.execPath(), "task", "serve"], { env });
    const [, url = ""] = await terminal.shows(/^listening on (http:\/\/\S+)$/m);
    session.use(url);
    await session.open();
    await ask(url, "sessions/s", { method: "PUT", body: {} });
    const running = count(url, { seconds: 1, name: "began" });
    await until(() => has(url, "began"), "the call has begun");
    const broken: unknown[] = [];
    let isStopping = false;
    const writers = Array.from({ length: WRITERS }, async () => {
      while (true) {
        try {
          await session.act(random);
        } catch (error) {
          if (!(error instanceof TypeError && isStopping)) broken.push(error);
          return;
        }
      }
    });
    await until(() => session.acknowledged > 50 || broken.length > 0, "writes");
    isStopping = true;
    await terminal.pressCtrlC();
    assert.equal((await running).status, 200);
    await Promise.all(writers);
    assert.deepEqual(broken, []);
    assert.equal(await terminal.finished(), 0, terminal.output);
    session.serverEnded();
  }
  assert.deepEqual(workersOf({ connect: dir.path }), []);
  await using server = await ServerProcess.start({ dataDir: dir.path, env });
  session.use(server.url);
  await session.readAll();
  session.check();
  assert.ok(await has(server.url, "began"));
});

Deno.test("A server that drains after SIGTERM finishes the strict call that runs, and refuses those that wait", async () => {
  await using dir = await tempDir();
  const env = await configured(dir.path);
  {
    await using server = await ServerProcess.start({ dataDir: dir.path, env });
    const { url } = server;
    await ask(url, "sessions/s", { method: "PUT", body: {} });
    const running = count(url, { seconds: 2, name: "running" });
    await until(() => has(url, "running"), "the call has begun");
    const waiting = ["one", "two", "three"].map((name) => count(url, { seconds: 0, name }));
    // One may be sent ahead to the worker, which gives it back.
    await until(async () => {
      const answer = await fetch(`${url}/v1/pools`);
      return (await answer.json()).pools[0].queued + 1 >= waiting.length;
    }, "the others wait");
    server.kill("SIGTERM");
    const refused = await Promise.all(waiting);
    assert.deepEqual(refused.map((it) => [it.status, it.body.code]), [
      [503, "shutting_down"],
      [503, "shutting_down"],
      [503, "shutting_down"],
    ]);
    const { status, body } = await running;
    assert.deepEqual([status, body.result?.count], [200, 1]);
    assert.equal((await server.finished()).code, 0);
  }
  await using server = await ServerProcess.start({ dataDir: dir.path, env });
  const names = ["running", "one", "two", "three"];
  const found = await Promise.all(names.map((name) => has(server.url, name)));
  assert.deepEqual(found, [true, false, false, false]);
});
