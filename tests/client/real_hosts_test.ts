/** The client against real hosts that are killed, restarted, or refuse it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { SnakedenError } from "../../src/errors.ts";
import { ServerProcess, tempDir } from "../fixtures/host.ts";
import { deadUrl } from "./fake_host.ts";
import { API_KEY, serveSuite } from "./served.ts";

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

Deno.test("a wrong API key is unauthenticated, with the id that the log of the host has", async () => {
  await using host = await serveSuite();
  await using client = new SnakedenClient({ baseUrl: host.url, apiKey: "wrong" });
  const error = await errorOf(client.execute("ping", {}, { requestId: "my-request" }));
  assert.deepEqual([error.code, error.requestId], ["unauthenticated", "my-request"]);
  assert.equal((await client.health.live()).status, "ok");
});

Deno.test("when a host is killed, its stream says what was delivered, and calls go to the next host", async () => {
  await using first = await serveSuite();
  await using second = await serveSuite();
  await using client = new SnakedenClient({
    baseUrls: [first.url, second.url],
    apiKey: API_KEY,
    retry: { minRestMs: 60_000, maxRestMs: 60_000 },
  });
  const session = await client.sessions.open("s");
  let delivered = 0;
  const error = await errorOf((async () => {
    for await (const _ of client.stream("numbers", { n: 1_000_000, delay: 0.001 })) {
      if (++delivered === 3) first.kill();
    }
  })());
  assert.equal(error.code, "connection_lost");
  assert.equal(error.details.delivered, delivered);
  assert.ok(error.message.includes(first.url), error.message);
  assert.equal(await client.execute("add", { a: 1, b: 2 }), 3);
  // A session belongs to one host.
  assert.equal((await errorOf(session.touch())).code, "unknown_session");
});

Deno.test("changes() goes on after the host has started again, without a loss", async () => {
  await using dir = await tempDir();
  const dataDir = join(dir.path, "data");
  // The same port for both runs.
  const port = new URL(deadUrl()).port;
  const start = (): Promise<ServerProcess> =>
    ServerProcess.start({ dataDir, env: { SNAKEDEN_PORT: port } });
  const first = await start();
  await using client = new SnakedenClient({ baseUrl: first.url });
  const { variables } = await client.sessions.open("s");
  const changes = variables.changes({ after: await variables.position() });
  const one = changes.next();
  await variables.set("a", 1);
  assert.equal((await one).value?.name, "a");
  const two = changes.next();
  first.kill("SIGKILL");
  await first.finished();
  await using _second = await start();
  await client.health.awaitReady({ timeoutMs: 60_000 });
  await variables.set("b", 2);
  const change = await two;
  assert.ok(change.value?.kind === "reset" || change.value?.name === "b", JSON.stringify(change));
  await changes.return?.();
});

Deno.test("awaitReady() waits for a host that is not up, and names what it waits for", async () => {
  await using dir = await tempDir();
  const url = deadUrl();
  await using client = new SnakedenClient({ baseUrl: url });
  const error = await errorOf(client.health.awaitReady({ timeoutMs: 100 }));
  assert.equal(error.code, "startup_failed");
  assert.match(error.message, new RegExp(`Not ready after 100 ms: .*${url}`));
  const ready = client.health.awaitReady({ timeoutMs: 60_000 });
  await using _host = await ServerProcess.start({
    dataDir: join(dir.path, "data"),
    env: { SNAKEDEN_PORT: new URL(url).port },
  });
  await ready;
});
