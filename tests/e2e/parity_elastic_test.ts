/** The cases of pools that follow the work, in their own words, with real workers. */
import assert from "node:assert/strict";
import { PythonError, type Snakeden, SnakedenError } from "../../mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

type PoolOptions = NonNullable<Parameters<typeof startDen>[0]>;

/** Starts a host with a pool of 0 to `max` workers. */
async function start(max: number, pool: PoolOptions = {}): Promise<Snakeden> {
  return await startDen({ size: undefined, min: 0, max, ...pool });
}

function states(den: Snakeden): string[] {
  return den.workers.list().map(({ state }) => state);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error.code;
}

Deno.test("121. 3 sequential calls → 1 worker created, reused", async () => {
  await using den = await start(4);
  assert.deepStrictEqual([den.workers.list(), den.pools.get("default").state], [[], "ready"]);
  for (let a = 1; a <= 3; a++) assert.equal(await den.execute("add", { a, b: 1 }), a + 1);
  const [worker, ...others] = den.workers.list();
  assert.deepStrictEqual([worker?.calls, others], [3, []]);
  assert.ok(Date.parse(worker?.lastUsedAt ?? "") >= Date.parse(worker?.startedAt ?? ""));
});

Deno.test("122. N parallel calls at max N → N workers; one more fails fast, or waits", async () => {
  const max = 5;
  await using den = await start(max, { cancelGraceMs: 100 });
  const done = new AbortController();
  const { signal } = done;
  const calls = Array.from(
    { length: max },
    () => den.execute("sleep", { seconds: 60 }, { signal }),
  );
  await until(() => states(den).filter((it) => it === "busy").length === max, "all run", {
    timeoutMs: 60_000,
  });
  assert.equal(await codeOf(den.execute("ping", {}, { whenBusy: "fail" })), "pool_saturated");
  const waiting = den.execute("ping", {}, { whenBusy: "wait" });
  await until(() => den.pools.get("default").queued === 1, "it waits");
  assert.equal(den.workers.list().length, max);
  done.abort(new Error("enough"));
  await Promise.allSettled(calls);
  assert.equal(await waiting, "pong");
});

Deno.test("123. A call timing out that ignores its cancellation kills its OS process; the worker is gone from the list; the next call gets a fresh one", async () => {
  await using den = await start(2, { adapter: "swallows_cancel", cancelGraceMs: 50 });
  assert.equal(
    await codeOf(den.execute("stubborn", { seconds: 60 }, { timeoutMs: 4_000 })),
    "deadline_exceeded",
  );
  const { pid } = den.workers.list()[0] ?? {};
  await until(() => den.workers.list().every((it) => it.pid !== pid), "it is gone");
  assert.ok(!workersOf({ runId: den.runId }).includes(pid ?? 0), "its process has ended");
  assert.deepStrictEqual(states(den), [], "nothing waits, so it is not replaced");
});

Deno.test("125. 100 concurrent sleeps overlap; 1,000 concurrent sums are all right; after 2,000 tasks only ready workers remain", async () => {
  await using den = await start(2, { profile: "async", adapter: "waits_async" });
  const naps = await Promise.all(
    Array.from({ length: 100 }, () => den.call("nap", { seconds: 0.5 })),
  );
  const serial = naps.reduce((sum, { runMs }) => sum + runMs, 0);
  assert.ok(serial >= 100 * 500 * 0.9, `${serial} ms of sleep`);
  assert.ok(Math.max(...naps.map(({ durationMs }) => durationMs)) < serial / 5, "they overlap");
  assert.ok(den.workers.list().length <= 2);
  await using sums = await start(4);
  for (let round = 0; round < 2; round++) {
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => sums.execute("add", { a: i, b: round })),
    );
    assert.deepStrictEqual(results, Array.from({ length: 1_000 }, (_, i) => i + round));
  }
  await until(() => states(sums).every((it) => it === "ready"), "all are ready");
  assert.equal(sums.pools.get("default").queued, 0);
});

Deno.test("127. Python exception → structured type, message and traceback", async () => {
  await using den = await start(1, { adapter: "fails" });
  const error: unknown = await den.execute("bad_value", { message: "no" }).catch((it) => it);
  assert.ok(error instanceof PythonError);
  assert.deepStrictEqual([error.python.type, error.python.message], ["ValueError", "no"]);
  assert.match(error.python.traceback ?? "", /bad_value/);
});

Deno.test("128. Idle beyond TTL → cleaned down to the floor, never below, never a busy one", async () => {
  await using den = await start(4, { min: 1, idleTtlMs: 300, cancelGraceMs: 100 });
  const done = new AbortController();
  const { signal } = done;
  const sleep = (seconds: number): Promise<unknown> =>
    den.execute("sleep", { seconds }, { signal });
  const busy = [sleep(60), sleep(60)];
  await until(() => states(den).filter((it) => it === "busy").length === 2, "two are busy");
  const pids = den.workers.list().map(({ pid }) => pid);
  await Promise.all([sleep(0.5), sleep(0.5)]);
  await until(() => den.workers.list().length === 2, "the idle ones have ended");
  assert.deepStrictEqual(den.workers.list().map(({ pid }) => pid).sort(), pids.sort());
  done.abort(new Error("enough"));
  await Promise.allSettled(busy);
  await until(() => den.workers.list().length === 1, "the floor is left");
  await until(() => workersOf({ runId: den.runId }).length === 1, "with one process");
});

Deno.test("A pool with min 0 scales from zero and back a few dozen times, and leaves no process and no file", async () => {
  await using dir = await tempDir();
  {
    await using den = await startDen(
      { size: undefined, min: 0, max: 2, idleTtlMs: 20 },
      { dataDir: dir.path },
    );
    const before = new Set<string>();
    for await (const name of names(dir.path)) before.add(name);
    for (let i = 0; i < 12; i++) {
      await Promise.all([den.execute("ping"), den.execute("ping")]);
      await until(() => den.workers.list().length === 0, "it rests");
    }
    await until(() => workersOf({ runId: den.runId }).length === 0, "no process is left");
    assert.equal((await den.health.ready()).ready, true);
    assert.equal(den.workers.list().length, 0, "the question has started none");
    const left: string[] = [];
    for await (const name of names(dir.path)) if (!before.has(name)) left.push(name);
    assert.deepStrictEqual(left.filter((it) => /worker|default-/.test(it)), []);
  }
});

/** Lists the files below a folder. */
async function* names(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* names(path);
    else yield path;
  }
}
