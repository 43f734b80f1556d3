import assert from "node:assert/strict";
import { join } from "node:path";
import type { Snakeden } from "../../mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

/** Starts a host whose one pool has one worker of the profile `async`. */
function startAsync(pool: object = {}): Promise<Snakeden> {
  return startDen({ profile: "async", adapter: "waits_async", size: 1, ...pool });
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`profile async over ${carrier}: one worker holds 100 calls that wait, until the first is stopped`, async () => {
    await using dir = await tempDir();
    await using den = await startAsync({ carrier });
    const leaving = Array.from({ length: 100 }, () => new AbortController());
    const calls = leaving.map(({ signal }, i) =>
      den.execute("until_cancelled", { folder: dir.path, name: `c${i}` }, { signal })
    );
    const ended = Promise.allSettled(calls);
    // All have begun, so none waits for another one.
    for (let i = 0; i < 100; i++) {
      await until(() => exists(join(dir.path, `c${i}.begun`)), `call ${i} has begun`);
    }
    leaving[7]?.abort(new Error("left"));
    await assert.rejects(calls[7] ?? Promise.resolve(), /left/);
    await until(() => exists(join(dir.path, "c7.cancelled")), "the call was cancelled");
    const cancelled = [];
    for await (const { name } of Deno.readDir(dir.path)) {
      if (name.endsWith(".cancelled")) cancelled.push(name);
    }
    assert.deepEqual(cancelled, ["c7.cancelled"]);
    for (const it of leaving) it.abort(new Error("left"));
    await ended;
    assert.equal(await den.execute("nap", { seconds: 0 }), 0);
  });

  Deno.test(`profile async over ${carrier}: input streams, streams and large values go through at the same time`, async () => {
    await using den = await startAsync({ carrier });
    async function* rows(from: number): AsyncGenerator<number> {
      for (let i = 0; i < 50; i++) {
        yield from + i;
        await new Promise((next) => setTimeout(next, 1));
      }
    }
    const sums = [0, 100, 200].map((from) => den.execute("total", { rows: rows(from) }));
    const streams = [10, 20].map((upto) =>
      Array.fromAsync(den.stream("counts", { upto, seconds: 0.001 }))
    );
    const text = "x".repeat(3_000_000);
    assert.equal(await den.execute("echo", { value: text }), text);
    assert.deepEqual(await Promise.all(sums), [1225, 6225, 11225]);
    const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
    assert.deepEqual(await Promise.all(streams), [numbers(10), numbers(20)]);
  });
}

Deno.test("profile async: a crash fails exactly the calls that have begun", async () => {
  await using dir = await tempDir();
  await using den = await startAsync({ concurrencyPerWorker: 5, maxReruns: 0 });
  const held = Array.from(
    { length: 4 },
    (_, i) => den.execute("until_cancelled", { folder: dir.path, name: `c${i}` }),
  );
  const fates = Promise.allSettled(held);
  for (let i = 0; i < 4; i++) {
    await until(() => exists(join(dir.path, `c${i}.begun`)), `call ${i} has begun`);
  }
  const crash = den.execute("crash");
  const behind = Array.from({ length: 10 }, () => den.execute("nap", { seconds: 0 }));
  await assert.rejects(crash, { code: "worker_crashed" });
  for (const fate of await fates) {
    assert.equal(fate.status === "rejected" && fate.reason.code, "worker_crashed");
  }
  assert.deepEqual(await Promise.all(behind), Array(10).fill(0));
});

Deno.test("profile async: a tool that holds up the loop is shown with its stack, and the worker lives on", async () => {
  await using den = await startAsync({
    blockedLoopMs: 50,
    // Two missed pings are less than the loop is held up, and more than a busy machine is late.
    heartbeat: { pingIntervalMs: 20, pingTimeoutMs: 300, maxMissed: 2 },
  });
  const pid = den.workers.list()[0]?.pid;
  assert.equal(den.workers.list()[0]?.blockedTools, undefined);
  await den.execute("block", { seconds: 1 });
  const shown = await until(() => {
    const [tool] = den.workers.list()[0]?.blockedTools ?? [];
    return tool !== undefined && tool.longestMs >= 900 ? tool : undefined;
  }, "the tool is shown");
  assert.equal(shown.tool, "block");
  assert.equal(shown.times, 1);
  assert.match(shown.stack, /waits_async\.py.*in block\n\s+time\.sleep\(seconds\)/);
  assert.equal(den.workers.list()[0]?.pid, pid, "the worker was replaced");
});

Deno.test("profile async: an adapter with a plain function is refused, and the pool says why", async () => {
  await using den = await startAsync({ adapter: "snakeden.demo" });
  const reason = await until(() => den.pools.get("default").reason, "the pool says why");
  assert.match(reason, /cannot be served by the profile async/);
  assert.match(reason, /the tool 'add', add \(/);
  assert.match(reason, /asyncio\.to_thread/);
});

Deno.test("profile async: sessions keep their variables while their calls run side by side", async () => {
  await using den = await startAsync();
  const session = await den.sessions.open("s1");
  const options = { sessionId: "s1" };
  const calls = Array.from(
    { length: 20 },
    (_, i) => den.execute("keep", { name: `v${i}`, value: i }, options),
  );
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 20 }, (_, i) => [i, 1]));
  assert.equal((await session.variables.get("v7")).value, 7);
});

Deno.test("profile async: a tool that swallows its cancellation loses its worker, whose other calls finish", async () => {
  await using dir = await tempDir();
  await using den = await startAsync({ cancelGraceMs: 100, size: 1 });
  const leaving = new AbortController();
  const stuck = den.execute("swallow", { folder: dir.path, name: "s", times: 1_000 }, {
    signal: leaving.signal,
  });
  await until(() => exists(join(dir.path, "s.begun")), "the call has begun");
  const pid = den.workers.list()[0]?.pid;
  const neighbour = den.execute("until_there", { path: join(dir.path, "go") });
  leaving.abort(new Error("left"));
  await assert.rejects(stuck, /left/);
  await until(() => exists(join(dir.path, "s.swallowed1")), "it was swallowed");
  const others = () => den.workers.list().filter((it) => it.pid !== pid && it.state === "ready");
  await until(() => others().length === 1, "a successor is ready");
  await Deno.writeTextFile(join(dir.path, "go"), "");
  assert.equal(await neighbour, true);
  await until(() => den.workers.list().every((it) => it.pid !== pid), "the old worker is gone");
});
