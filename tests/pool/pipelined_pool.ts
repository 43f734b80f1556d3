import assert from "node:assert/strict";
import type { Call, CallRequest } from "../../src/pool/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";
import { FakePool, type FakePoolOptions } from "../fixtures/fakes/fake_pool.ts";
import type { FakeWorker, FakeWorkerOptions } from "../fixtures/fakes/fake_worker.ts";
import { microtasks, until } from "../fixtures/until.ts";

/** So that five calls are in flight before the budget of 1 ms is spent. */
export const RUN_MS = 0.25;
export const WINDOW = 5;
/** Until the second look at a head that is overdue. */
export const RECALL_MS = 20;

/** A pool for tests of calls that are sent ahead. */
export interface PipelinedPool extends AsyncDisposable {
  readonly it: FakePool;
  readonly clock: FakeClock;
  /** Submits `hold` once for each letter, which is its request id. */
  hold(names: string, request?: Partial<CallRequest>): Promise<Call[]>;
  worker(index: number): FakeWorker;
}

/** A pool that knows how long `hold` runs, with a clock that stands still. */
export async function startPipelined(
  options: FakePoolOptions = {},
  worker: FakeWorkerOptions = {},
): Promise<PipelinedPool> {
  const clock = new FakeClock();
  const it = await FakePool.start(options, { runMs: RUN_MS, ...worker }, { clock });
  const known = it.submit("hold", { requestId: "known" });
  await microtasks();
  it.workerRunning(known).answer();
  await known.outcome;
  // The worker that served it is the last one to be idle; a test counts from the first.
  for (const fake of it.launcher.workers) fake.started.length = 0;
  return {
    it,
    clock,
    async hold(names, request = {}): Promise<Call[]> {
      const calls = [...names].map((requestId) => it.submit("hold", { ...request, requestId }));
      await microtasks();
      return calls;
    },
    worker(index): FakeWorker {
      const fake = it.launcher.workers[index];
      assert.ok(fake, `worker ${index} was never started`);
      return fake;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await it[Symbol.asyncDispose]();
    },
  };
}

/** Returns the request ids of the calls in a worker: the running call, then the waiting ones. */
export function inside({ running, waiting }: FakeWorker): string {
  return [running, ...waiting].map((it) => it?.requestId ?? "").join("");
}

/** Answers every call until none is left. */
export async function finish({ it }: PipelinedPool): Promise<void> {
  await until(() => {
    for (const worker of it.launcher.alive) if (worker.running) worker.answer();
    return it.calls.every(({ state }) => state !== "queued" && state !== "running");
  }, "every call has ended");
}

/** Names of the calls that were started, in order, over all workers; none is there twice. */
export function started({ it }: PipelinedPool): string {
  const names = it.launcher.workers.flatMap((worker) => worker.started);
  assert.equal(new Set(names).size, names.length, `started twice: ${names}`);
  return names.join("");
}
