import type { SnakedenError } from "../errors.ts";
import type { Affinity, SessionCall } from "./affinity/mod.ts";
import type { CallRequest, WhenBusy } from "./calls/mod.ts";
import { noneFree, queueFull, type RefusingPool } from "./refusals.ts";

/** A pool that a call would wait in. */
export interface CrowdedPool extends RefusingPool {
  readonly queued: number;
  readonly isPaused: boolean;
  /** True if the number of its workers depends on the work. */
  readonly isElastic: boolean;
  readonly whenBusy: WhenBusy;
  /** True if a worker is on its way, or may be started, that no call which waits needs. */
  readonly hasWorkerToCome: boolean;
}

/**
 * Returns the error of a call that may not wait for a worker; undefined if it may. The limit of the
 * queue is for calls that wait for others to end, not for those for which a worker is started.
 */
export function refusalToWait(
  pool: CrowdedPool,
  { tool, whenBusy = pool.whenBusy }: CallRequest,
  { session, affinity }: {
    readonly session: SessionCall | undefined;
    readonly affinity: Affinity;
  },
): SnakedenError | undefined {
  const hasRoom = pool.queued < pool.queueLimit;
  if (hasRoom && !session?.failsFast && whenBusy === "wait") return undefined;
  // Calls that are bound to a worker gain nothing by another one, and one that fails fast waits for
  // no worker that takes the place of a dead one.
  const isBound = session?.isStrict === true &&
    (session.binding.home !== undefined || (session.failsFast && !pool.isElastic));
  if (isBound || !pool.hasWorkerToCome) {
    const busy = affinity.refusalToWait(tool, session);
    if (busy !== undefined) return busy;
    if (whenBusy === "fail") return noneFree(pool, tool);
  } else if (pool.isElastic) return undefined;
  return hasRoom ? undefined : queueFull(pool, tool);
}

/** Returns the reason why a pool sends no calls, for a sentence; undefined if it sends some. */
export function obstacleOf(
  { isPaused, workers }: {
    readonly isPaused: boolean;
    readonly workers: readonly { readonly state: string }[];
  },
  { isServing }: { readonly isServing: boolean },
): string | undefined {
  if (isPaused) return "the pool is paused";
  if (isServing) return undefined;
  return workers.some(({ state }) => state === "starting")
    ? "its worker was still starting"
    : "the pool has no worker";
}
