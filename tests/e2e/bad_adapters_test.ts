import assert from "node:assert/strict";
import { Snakeden, SnakedenError } from "../../mod.ts";
import { devPython } from "../../scripts/dev_python.ts";
import { problemOf } from "../../src/routes/mod.ts";
import { ADAPTERS, startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** A pool whose workers never get ready. */
const HANGING = [{
  name: "default",
  size: 2,
  adapter: "never_says_hello",
  modulePaths: [ADAPTERS],
}];

/** Adapters that cannot be served, and what the reason of the unhealthy pool must say. */
const CASES: readonly { adapter: string; says: RegExp; startTimeoutMs?: number }[] = [
  { adapter: "no_such_module", says: /no_such_module/ },
  { adapter: "streams:NoSuchClass", says: /NoSuchClass/ },
  { adapter: "exits_at_import", says: /exit|SystemExit/i },
  { adapter: "raises_at_import", says: /raise|Error/ },
  { adapter: "raises_in_setup", says: /setup/ },
  { adapter: "never_says_hello", says: /after 700 ms/, startTimeoutMs: 700 },
];

for (const { adapter, says, startTimeoutMs = 30_000 } of CASES) {
  Deno.test(`Snakeden.start() leaves the pool of the adapter ${adapter} unhealthy with the reason`, async () => {
    await using den = await startDen({ adapter, size: 1, startTimeoutMs });
    const [pool] = den.pools.list();
    assert.equal(pool?.state, "unhealthy");
    assert.match(pool?.reason ?? "", says);
    assert.match(pool?.reason ?? "", /^Cannot start worker default-1: /);
    await assert.rejects(den.execute("anything"), { code: "pool_unhealthy" });
    await assert.rejects(den.health.awaitReady(), { code: "pool_unhealthy" });
    const readiness = await den.health.ready();
    assert.equal(readiness.ready, false);
    assert.match(readiness.pools["default"]?.reason ?? "", says);
  });
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`Snakeden.execute() over ${carrier} fails with the traceback of an adapter as its cause`, async () => {
    await using den = await startDen({ adapter: "raises_in_setup", size: 1, carrier });
    await assert.rejects(den.execute("unreachable"), (error) => {
      assert.ok(error instanceof SnakedenError);
      assert.match(error.message, /raised FileNotFoundError in setup\(\): [^\n]*$/);
      assert.ok(error.cause instanceof Error);
      assert.match(
        error.cause.stack ?? "",
        /^Traceback .*raises_in_setup\.py", line \d+, in setup/s,
      );
      assert.doesNotMatch(JSON.stringify(problemOf(error, "r-1")), /Traceback|raises_in_setup\.py/);
      return true;
    });
  });
}

Deno.test("Snakeden.start() serves the healthy pools beside one that cannot start", async () => {
  await using den = await startDen({}, {
    pools: [
      { name: "good", size: 1, adapter: "snakeden.demo" },
      { name: "bad", size: 1, adapter: "raises_at_import", modulePaths: [ADAPTERS] },
    ],
  });
  assert.equal(await den.execute("ping"), "pong");
  await assert.rejects(den.execute("ping", {}, { pool: "bad" }), { code: "pool_unhealthy" });
  const { pools } = await den.health.ready();
  assert.deepEqual([pools["good"]?.ready, pools["bad"]?.ready], [true, false]);
});

Deno.test("Snakeden.start() with readyTimeoutMs fails when a pool cannot start, and leaves nothing", async () => {
  await using dir = await tempDir();
  const python = { executable: await devPython() };
  await assert.rejects(
    Snakeden.start({ dataDir: dir.path, pools: HANGING, python, readyTimeoutMs: 500 }),
    (error) => error instanceof SnakedenError && /500 ms/.test(error.message),
  );
  assert.deepEqual(workersOf({ connect: dir.path }), []);
});

Deno.test("Snakeden.start() does not spin on a pool that cannot start", async () => {
  await using den = await startDen({ adapter: "raises_at_import", size: 1 });
  await until(() => (den.pools.list()[0]?.stats.restarts ?? 0) >= 3, "three restarts");
  // The back-off is 0.05-0.1, 0.1-0.2, 0.2-0.4 s and so on; ten more starts at once would be
  // spinning.
  assert.ok((den.pools.list()[0]?.stats.restarts ?? 0) < 10);
});

Deno.test("Snakeden.start() gives up when its signal aborts", async () => {
  await using dir = await tempDir();
  const python = { executable: await devPython() };
  const giveUp = new AbortController();
  const starting = Snakeden.start({
    dataDir: dir.path,
    pools: HANGING,
    python,
    signal: giveUp.signal,
  });
  starting.catch(() => {});
  await until(() => workersOf({ connect: dir.path }).length === 2, "two processes");
  giveUp.abort(new Error("enough"));
  await assert.rejects(starting, /enough/);
  assert.deepEqual(workersOf({ connect: dir.path }), []);
});

Deno.test("Snakeden.execute() is not disturbed by an adapter that prints garbage", async () => {
  await using den = await startDen({ adapter: "prints_garbage", size: 1 });
  const tools = den.tools.list().map((it) => it.name);
  assert.ok(tools.length > 0);
  const [tool = ""] = tools;
  await Promise.all(Array.from({ length: 20 }, () => den.execute(tool)));
  assert.equal(den.pools.list()[0]?.stats.completed, 20);
});

Deno.test("Snakeden.start() pauses before each try of a slot that fails, also while another worker answers", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(
    `${dir.path}/exclusive.py`,
    "import fcntl, os\nfrom snakeden import tool\n" +
      `held = open(os.path.join(${JSON.stringify(dir.path)}, "device.lock"), "w")\n` +
      "fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)\n@tool\ndef ping() -> str:\n    return 'pong'\n",
  );
  await using den = await startDen({ adapter: "exclusive", modulePaths: [dir.path] });
  const tries = (): number => den.pools.list()[0]?.stats.restarts ?? 0;
  await until(async () => {
    assert.equal(await den.execute("ping"), "pong");
    return tries() >= 4;
  }, "four tries");
  // The pauses are at least 0.05, 0.1, 0.2 and 0.4 s. A slot without pauses would try again during
  // these calls.
  for (let i = 0; i < 50; i++) await den.execute("ping");
  assert.ok(tries() <= 5, `${tries()} tries`);
});

Deno.test("Snakeden.workers.stop() ends a worker that is still starting", async () => {
  await using dir = await tempDir();
  await using den = await startDen({}, {
    pools: [
      { name: "default", size: 1, adapter: "snakeden.demo" },
      {
        name: "hangs",
        size: 1,
        adapter: "never_says_hello",
        modulePaths: [ADAPTERS],
        startTimeoutMs: 900,
      },
    ],
    dataDir: dir.path,
  });
  const starting = await until(
    () => den.workers.list().find((it) => it.pool === "hangs" && it.state === "starting"),
    "the next try of the worker that hangs",
  );
  await until(() => workersOf({ runId: den.runId }).length === 2, "its process");
  await den.workers.stop(starting.id);
  assert.notEqual(
    den.workers.list().find((it) => it.pool === "hangs")?.incarnation,
    starting.incarnation,
  );
});
