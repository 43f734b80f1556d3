/** Tests circuits and retries as configured, with real workers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../mod.ts";
import { ADAPTERS, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

async function errorOf(promise: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await promise.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

const CRASHING = { adapter: "dies_in_call", size: 2, taintAfter: 0, poisonMs: 0 } as const;

Deno.test("Snakeden.execute() is refused at once by an open circuit, and accepted again after resetMs", async () => {
  await using den = await startDen({
    ...CRASHING,
    breaker: { threshold: 2, resetMs: 1_000 },
  });
  for (let i = 0; i < 2; i++) {
    assert.equal((await errorOf(den.execute("segfault"))).code, "worker_crashed");
  }
  const refused = await errorOf(den.execute("fine"));
  assert.deepEqual([refused.code, refused.retryable], ["circuit_open", true]);
  const circuit = den.pools.list()[0]?.policies?.circuit;
  assert.deepEqual(
    [circuit?.state, circuit?.opened, circuit?.refused, circuit?.lastFailure],
    ["open", 1, 1, "worker_crashed"],
  );
  assert.equal(den.pools.list()[0]?.stats.requests, 2, "the pool has not heard of it");
  await until(() => den.execute("fine").catch(() => false), "the circuit to be tried");
  assert.equal(den.pools.list()[0]?.policies?.circuit?.state, "closed");
});

Deno.test("Snakeden.execute() of other tools is not affected by the circuit of one tool", async () => {
  await using den = await startDen({
    ...CRASHING,
    tools: { exit_with: { breaker: { threshold: 1, resetMs: 60_000 } } },
  });
  await errorOf(den.execute("exit_with", { code: 3 }));
  assert.equal((await errorOf(den.execute("exit_with", { code: 3 }))).code, "circuit_open");
  assert.equal(await den.execute("fine"), "fine");
  assert.equal((await errorOf(den.execute("segfault"))).code, "worker_crashed");
  assert.deepEqual(Object.keys(den.pools.list()[0]?.policies?.toolCircuits ?? {}), ["exit_with"]);
  assert.equal(den.pools.list()[0]?.policies?.circuit, undefined);
});

Deno.test("Snakeden.execute() repeats a call that found the queue full", async () => {
  await using dir = await tempDir();
  await using den = await startDen({
    adapter: "dies_again",
    size: 1,
    queueLimit: 0,
    pipelineBudgetMs: 0,
    retry: { attempts: 100, baseMs: 20, capMs: 20, jitter: "none" },
  });
  const path = join(dir.path, "n");
  const first = den.execute("nap", { seconds: 0.3, path });
  await until(() => Deno.readTextFile(path).catch(() => false), "it to run");
  assert.equal(typeof await den.execute("pid"), "number");
  await first;
  const [pool] = den.pools.list();
  assert.ok((pool?.policies?.retries ?? 0) > 0);
  assert.equal(pool?.stats.saturated, pool?.policies?.retries);
});

Deno.test("Snakeden.execute() retries a call whose restarts are used up only when it is idempotent", async () => {
  await using dir = await tempDir();
  await using den = await startDen({
    adapter: "dies_again",
    size: 2,
    maxReruns: 0,
    taintAfter: 0,
    poisonAfter: 9,
    retry: { attempts: 3, baseMs: 1, capMs: 1 },
  });
  const path = join(dir.path, "a");
  const { attempt } = await den.execute<{ attempt: number }>("dies_at_first", { path, times: 2 });
  assert.equal(attempt, 3);
  const once = await errorOf(den.execute("dies_once", { path: join(dir.path, "b") }));
  assert.equal(once.code, "worker_crashed");
  assert.equal(den.pools.list()[0]?.policies?.retries, 2);
});

Deno.test("Snakeden.stream() is retried before its first chunk, and not after it", async () => {
  await using dir = await tempDir();
  await using den = await startDen({
    adapter: "dies_again",
    size: 2,
    maxReruns: 0,
    taintAfter: 0,
    poisonAfter: 9,
    breaker: { threshold: 50 },
    retry: { attempts: 3, baseMs: 1, capMs: 1 },
  });
  const args = { path: join(dir.path, "before"), after: 0 };
  assert.deepEqual(await Array.fromAsync(den.stream("stream_dies", args)), [0, 1, 2]);
  assert.equal(den.pools.list()[0]?.policies?.retries, 1);
  const chunks: unknown[] = [];
  const error = await errorOf((async () => {
    const late = { path: join(dir.path, "after"), after: 2 };
    for await (const chunk of den.stream("stream_dies", late)) chunks.push(chunk);
  })());
  assert.equal(error.code, "worker_crashed");
  assert.deepEqual(chunks, [0, 1]);
  assert.equal(den.pools.list()[0]?.policies?.retries, 1);
});

Deno.test("Snakeden.stream() that is left before its first chunk makes no further attempt", async () => {
  await using den = await startDen({
    adapter: "dies_again",
    size: 1,
    queueLimit: 0,
    pipelineBudgetMs: 0,
    retry: { attempts: 100, baseMs: 60_000, capMs: 60_000, jitter: "none" },
  });
  const leaving = new AbortController();
  const napping = den.execute("nap", { seconds: 60 }, { signal: leaving.signal });
  const stream = den.stream("stream_dies", { path: "x", after: 9 }, {
    signal: leaving.signal,
    timeoutMs: 600_000,
  });
  const reading = Array.fromAsync(stream);
  await until(() => den.pools.list()[0]?.policies?.retries === 1, "the pause");
  leaving.abort(new Error("left"));
  await assert.rejects(reading, /left/);
  await assert.rejects(napping, /left/);
});

Deno.test("Snakeden.stop() ends the pause of a call", async () => {
  const den = await startDen({
    adapter: "dies_again",
    size: 1,
    queueLimit: 0,
    pipelineBudgetMs: 0,
    drainMs: 0,
    retry: { attempts: 100, baseMs: 600_000, capMs: 600_000, jitter: "none" },
  });
  const napping = errorOf(den.execute("nap", { seconds: 60 }));
  const pausing = errorOf(den.execute("pid", {}, { timeoutMs: 3_600_000 }));
  await until(() => den.pools.list()[0]?.policies?.retries === 1, "the pause");
  await den.stop();
  assert.equal((await pausing).code, "shutting_down");
  await napping;
});

Deno.test("POST /v1/execute and /v1/stream return 503 with Retry-After while a circuit is open", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.json");
  const pool = {
    ...CRASHING,
    name: "default",
    modulePaths: [ADAPTERS],
    tools: { exit_with: { breaker: { threshold: 1, resetMs: 100_000 } } },
  };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const post = async (path: string): Promise<[Response, Record<string, unknown>]> => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tool: "exit_with", args: { code: 3 } }),
    });
    return [response, await response.json()];
  };
  assert.equal((await post("/v1/execute"))[0].status, 502);
  for (const path of ["/v1/execute", "/v1/stream"]) {
    const [response, problem] = await post(path);
    assert.deepEqual([response.status, problem.code], [503, "circuit_open"]);
    const seconds = Number(response.headers.get("retry-after"));
    assert.ok(seconds > 50 && seconds <= 100, `${seconds} s`);
  }
  const { policies } = await (await fetch(`${server.url}/v1/pools/default`)).json();
  const { state, opened, refused, lastFailure } = policies.toolCircuits.exit_with;
  assert.deepEqual([state, opened, refused, lastFailure], ["open", 1, 2, "worker_crashed"]);
  assert.match(server.stderr, /the circuit of the tool exit_with of the pool default is open/);
});
