import assert from "node:assert/strict";
import { WorkerCrashedError } from "../../mod.ts";
import { isAlive, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

/**
 * A heartbeat that ends a frozen worker within a second, but no worker that is slow on a busy
 * machine.
 */
const HEARTBEAT = { pingIntervalMs: 100, pingTimeoutMs: 400, maxMissed: 6 };
/** Many times the silence after which a worker is killed. */
const BUSY_SECONDS = 5;

for (const carrier of ["socket", "grpc"] as const) {
  for (const tool of ["count", "derive"]) {
    Deno.test(`Heartbeats are answered by a worker busy in ${tool} over ${carrier}, and so is its long call`, async () => {
      await using den = await startDen({
        adapter: "stays_busy",
        size: 1,
        carrier,
        heartbeat: HEARTBEAT,
      });
      const pid = await den.execute("pid");
      assert.equal(await den.execute(tool, { seconds: BUSY_SECONDS }), pid);
      assert.equal(den.pools.list()[0]?.stats.restarts, 0);
    });
  }

  Deno.test(`Heartbeats replace a worker stopped by SIGSTOP in a call over ${carrier}, and the call learns why`, async () => {
    await using den = await startDen({
      adapter: "stays_busy",
      size: 1,
      carrier,
      heartbeat: HEARTBEAT,
    });
    const pid = await den.execute<number>("pid");
    await using dir = await tempDir();
    const sign = `${dir.path}/started`;
    const call = den.execute("count", { seconds: 600, sign });
    // A call that is stopped before it has begun runs elsewhere.
    await until(() => Deno.stat(sign).then(() => true, () => false), "the call to begin");
    signalPid(pid, "SIGSTOP");
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof WorkerCrashedError);
      assert.match(error.message, /was killed: it did not answer 6 heartbeats, for \d+ ms;/);
      assert.deepEqual([error.exit.signal, error.details["mayHaveRun"]], ["SIGKILL", true]);
      return true;
    });
    assert.notEqual(await den.execute("pid"), pid);
    assert.equal(isAlive(pid), false);
  });
}

Deno.test("Heartbeats replace a worker stopped by SIGSTOP while it is idle", async () => {
  await using den = await startDen({ adapter: "stays_busy", size: 2, heartbeat: HEARTBEAT });
  const [worker] = den.workers.list();
  assert.ok(worker?.pid);
  signalPid(worker.pid, "SIGSTOP");
  await until(
    () =>
      den.workers.list().some(({ id, incarnation, state }) =>
        id === worker.id && incarnation !== worker.incarnation && state === "ready"
      ),
    "its successor",
  );
  assert.equal(isAlive(worker.pid), false);
});

Deno.test("Heartbeats kill a worker whose C code holds the interpreter lock beyond the limit, and not within it", async () => {
  await using den = await startDen({
    adapter: "holds_gil",
    size: 1,
    heartbeat: { pingIntervalMs: 250, pingTimeoutMs: 500, maxMissed: 10 },
  });
  await den.execute("hold_gil", { seconds: 1 });
  assert.equal(den.pools.list()[0]?.stats.restarts, 0);
  await assert.rejects(den.execute("hold_gil", { seconds: 600 }), /did not answer 10 heartbeats/);
});

Deno.test("Heartbeats blame no worker when the event loop of the host was blocked", async () => {
  await using den = await startDen({
    adapter: "stays_busy",
    size: 1,
    heartbeat: { pingIntervalMs: 50, pingTimeoutMs: 100, maxMissed: 1 },
  });
  for (let i = 0; i < 5; i++) {
    const end = performance.now() + 400;
    while (performance.now() < end);
    await den.execute("pid");
  }
  assert.equal(den.pools.list()[0]?.stats.restarts, 0);
});

Deno.test("GET /v1/workers shows the memory of workers under deno task serve", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  const pool = { name: "default", size: 1, heartbeat: { pingIntervalMs: 50 } };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  await using server = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: config },
  });
  const rssBytes = await until(async () => {
    const { workers } = await (await fetch(`${server.url}/v1/workers`)).json();
    return workers[0]?.rssBytes as number | undefined;
  }, "the memory");
  assert.ok(rssBytes > 5_000_000 && rssBytes < 1_000_000_000, `${rssBytes}`);
});
