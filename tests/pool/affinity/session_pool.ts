import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import type { Call, CallRequest, PoolDeps } from "../../../src/pool/mod.ts";
import { FakePool, type FakePoolOptions } from "../../fixtures/fakes/fake_pool.ts";
import type { FakeWorker, FakeWorkerOptions } from "../../fixtures/fakes/fake_worker.ts";
import { microtasks } from "../../fixtures/until.ts";

/** Options of strict calls of a session. */
export const STRICT = { sessionId: "s", affinity: "strict_queue" } as const;
export const FAIL_FAST = { sessionId: "s", affinity: "strict_fail_fast" } as const;

/** Starts a pool that sends nothing ahead, unless the options say so. */
export function startPool(
  options: FakePoolOptions = {},
  worker: FakeWorkerOptions = {},
  deps: Omit<PoolDeps, "launcher"> = {},
): Promise<FakePool> {
  return FakePool.start({ size: 2, pipelineBudgetMs: 0, ...options }, worker, deps);
}

/** Holds a worker with a call, and returns both. */
export async function hold(
  it: FakePool,
  request: Partial<CallRequest> = {},
): Promise<{ readonly call: Call; readonly worker: FakeWorker }> {
  const call = it.submit("hold", request);
  await microtasks();
  return { call, worker: it.workerRunning(call) };
}

/** Makes one call of a session, and returns the worker that ran it. */
export async function runOnce(
  it: FakePool,
  request: Partial<CallRequest> = {},
): Promise<FakeWorker> {
  const { call, worker } = await hold(it, request);
  worker.answer();
  await call.outcome;
  return worker;
}

/** Returns the error that a call is refused with at once, or ends with. */
export async function errorOf(call: () => Call): Promise<SnakedenError> {
  try {
    await call().outcome;
  } catch (error) {
    assert.ok(error instanceof SnakedenError, String(error));
    return error;
  }
  throw new Error("the call has succeeded");
}
