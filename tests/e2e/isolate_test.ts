/** Tests pools with `isolate: "call"`, whose workers run one call each. */
import assert from "node:assert/strict";
import type { Snakeden } from "../../mod.ts";
import { SnakedenError, WorkerCrashedError } from "../../src/errors.ts";
import { isAlive, startDen, workersOf } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

type Answer = [calls: string[], pid: number, setUpIn: number];

async function start(init: Parameters<typeof startDen>[0] = {}): Promise<Snakeden> {
  const den = await startDen({
    adapter: "counts_itself",
    launcher: "prefork",
    isolate: "call",
    size: 2,
    ...init,
  });
  await den.health.awaitReady({ timeoutMs: 60_000 });
  const [pool] = den.pools.list();
  assert.ok(pool?.template !== undefined, pool?.launcherFallback ?? "the template starts");
  return den;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`with isolate "call", each call has a process of its own, which ends after its answer (${carrier})`, async () => {
    await using den = await start({ carrier });
    const pids: number[] = [];
    for (let i = 0; i < 8; i++) {
      const [calls, pid, setUpIn] = await den.execute("count", { name: `${i}` }) as Answer;
      assert.deepEqual([calls, setUpIn], [[`${i}`], pid]);
      pids.push(pid);
    }
    assert.equal(new Set(pids).size, 8);
    await until(() => !pids.some(isAlive), "the processes to end");
    await until(() => {
      const workers = den.workers.list();
      return workers.length === 2 && workers.every((it) => it.launcher === "prefork");
    }, "the pool to have its two workers");
    await den.stop();
    assert.deepEqual(workersOf(den), []);
  });
}

Deno.test('with isolate "call", no more calls run at a time than the pool has workers', async () => {
  await using den = await start();
  const begun = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => den.execute("count", { seconds: 0.2 }) as Promise<Answer>),
  );
  // Three rounds of two: a bound that no load of the machine can break.
  assert.ok(performance.now() - begun >= 600);
  assert.equal(new Set(answers.map(([, pid]) => pid)).size, 6);
});

Deno.test('with isolate "call", the next call finds a process that was ready before the last one ended', async () => {
  await using den = await start({ size: 1 });
  const readyAhead = async (): Promise<number[]> => {
    const { pid } = den.workers.list().find((it) => it.state === "ready") ?? {};
    return await until(() => {
      const template = den.pools.list()[0]?.template?.pid ?? 0;
      const others = childrenOf(template).filter((it) => it !== pid);
      return others.length === 1 ? others : undefined;
    }, "a process that is ready ahead");
  };
  const [ahead] = await readyAhead();
  await den.execute("count");
  const [, pid] = await den.execute("count") as Answer;
  assert.equal(pid, ahead);
});

Deno.test('with isolate "call", a crash fails its call alone', async () => {
  await using den = await start({ size: 1 });
  const crashing = den.execute("crash");
  const after = den.execute("count", { name: "after" });
  await assert.rejects(crashing, (error) => {
    assert.ok(error instanceof WorkerCrashedError);
    assert.equal(error.exit.exitCode, 5);
    return true;
  });
  assert.deepEqual((await after as Answer)[0], ["after"]);
});

Deno.test('with isolate "call", a session with strict affinity has no worker for its second call', async () => {
  await using den = await start({ size: 1 });
  const strict = { sessionId: "s", affinity: "strict_fail_fast" } as const;
  assert.deepEqual((await den.execute("count", { name: "one" }, strict) as Answer)[0], ["one"]);
  await assert.rejects(den.execute("count", {}, strict), (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.equal(error.code, "session_worker_unavailable");
    return true;
  });
  const hint = { sessionId: "t", affinity: "hint" } as const;
  for (const name of ["one", "two"]) {
    assert.deepEqual((await den.execute("count", { name }, hint) as Answer)[0], [name]);
  }
});

/** Returns the children of a process. */
function childrenOf(pid: number): number[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return text.split(" ").filter((it) => it !== "").map(Number);
}
