import type { Calls } from "../calls/mod.ts";
import type { PoolConfig } from "../config/mod.ts";
import type { JobEngine } from "../jobs/mod.ts";
import { stackOf } from "../errors.ts";
import type { LivePools } from "./live/mod.ts";
import { getLogger } from "../log.ts";
import type { PoolGroup, PoolInfo, WorkerInfo } from "../pool/mod.ts";

/** The parts of a host that a {@link Shutdown} ends. */
export interface ShutdownParts {
  readonly pools: PoolGroup;
  readonly calls: Calls;
  /** The engine of jobs: it begins none once the host stops. Default none. */
  readonly jobs?: Pick<JobEngine, "close"> | undefined;
  /** The changes of the pools: none is made once the host stops. Default none. */
  readonly changes?: Pick<LivePools, "close"> | undefined;
  /** The time that host tools have to finish, unless the stop names another. Default none. */
  readonly drainMs?: number;
  /** All parts of the host, the pools among them; disposed when the pools are gone. */
  readonly resources: AsyncDisposableStack;
}

/** The calls that a stop waits for. */
export interface CallsAtStop {
  readonly runningCalls: number;
  /** The longest time that the pools of these calls give them, in milliseconds. */
  readonly drainMs: number;
}

/** A host that is about to stop. */
export interface StoppingHost {
  readonly pools: { list(): readonly PoolInfo[] };
  readonly workers: { list(): readonly WorkerInfo[] };
}

/** Returns the calls that a stop will wait for; waiting calls are refused at once. */
export function callsAtStop(
  { pools, workers }: StoppingHost,
  configs: readonly Pick<PoolConfig, "name" | "drainMs">[],
): CallsAtStop {
  const all = workers.list();
  const running = new Map(
    pools.list().map(({ name, queued, stats }) => {
      const ended = stats.completed + stats.failed + stats.cancelled + stats.timedOut +
        stats.crashed + stats.refused;
      // A worker that is being replaced may still run a call. Some calls wait in a busy worker.
      const busy = all.filter(({ pool, state }) =>
        pool === name && (state === "busy" || state === "stopping")
      );
      return [name, Math.min(stats.requests - ended - queued, busy.length)];
    }),
  );
  return {
    runningCalls: running.values().reduce((sum, it) => sum + it, 0),
    drainMs: Math.max(
      0,
      ...configs.filter(({ name }) => running.get(name)).map(({ drainMs }) => drainMs),
    ),
  };
}

/** Ends a host: drains the pools, then disposes the parts, the last one first. */
export class Shutdown {
  readonly #parts: ShutdownParts;
  #done: Promise<void> | undefined;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /**
   * Ends the host once; everything has ended when it resolves. A second call with a `drainMs` of 0
   * during the drain kills at once. Inside a host tool it resolves at once: the end waits for the
   * tool, which would wait for the end.
   */
  async run(options: { readonly drainMs?: number } = {}): Promise<void> {
    const ended = this.#end(options);
    if (this.#parts.calls.running?.isCaller !== true) return await ended;
    ended.catch((error: unknown) => {
      getLogger("server").error("the host did not end cleanly: {problem}", {
        problem: stackOf(error),
      });
    });
  }

  async #end(options: { readonly drainMs?: number }): Promise<void> {
    if (this.#done === undefined) this.#done = this.#run(options);
    else if (options.drainMs === 0) {
      this.#parts.calls.running?.stopAll();
      await this.#parts.pools.stop(options);
    }
    await this.#done;
  }

  async #run(options: { readonly drainMs?: number }): Promise<void> {
    const { pools, calls, jobs, changes, resources } = this.#parts;
    changes?.close();
    // The pools drain running jobs as they do calls. What is left is returned with the parts.
    jobs?.close();
    const stopped = pools.stop(options);
    calls.close();
    await Promise.all([stopped, calls.running?.idle(options.drainMs ?? this.#parts.drainMs ?? 0)]);
    await resources.disposeAsync();
  }
}
