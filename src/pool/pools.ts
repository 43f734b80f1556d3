import { messageOf, SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { Pool } from "./pool.ts";
import type { Worker } from "./workers/mod.ts";

/** How long to wait, and a signal to stop waiting. */
export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Whether every pool can serve, by a real ping through each. */
export interface Readiness {
  readonly ready: boolean;
  readonly pools: Readonly<Record<string, PoolReadiness>>;
}

/** Whether one pool can serve, and if not, why. */
export interface PoolReadiness {
  readonly ready: boolean;
  readonly pingMs?: number;
  readonly reason?: string;
}

/** Which workers are to be replaced: all, those of one pool, or some. */
export interface RecycleRequest {
  readonly pool?: string;
  /** Their ids. */
  readonly workers?: readonly string[];
  /** Replaces no more of them; the one that is being replaced is finished. */
  readonly signal?: AbortSignal;
}

/** Workers that are being replaced. */
export interface Recycling {
  /** Their ids, in the order in which they are replaced. */
  readonly workers: readonly string[];
  /** Resolves when all of them are gone. */
  readonly done: Promise<void>;
}

type PoolsByName = ReadonlyMap<string, Pool>;

/** What is done with all pools of a host side by side. */
export class Pools {
  readonly #pools: PoolsByName;

  constructor(pools: PoolsByName) {
    this.#pools = pools;
  }

  /** Starts all of them; stops them when the start is given up. */
  async start(signal?: AbortSignal): Promise<void> {
    const onAbort = (): void => void this.stop({ drainMs: 0 });
    signal?.addEventListener("abort", onAbort, { once: true });
    await this.#each((pool) => pool.start());
    signal?.removeEventListener("abort", onAbort);
    signal?.throwIfAborted();
  }

  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    await this.#each((pool) => pool.stop(options));
  }

  /** Sends a ping through each. */
  async readiness({ timeoutMs = 2_000, signal }: WaitOptions): Promise<Readiness> {
    const bound = withTimeout(timeoutMs, signal);
    const entries = await this.#each(async (pool): Promise<[string, PoolReadiness]> => {
      try {
        return [pool.name, { ready: true, pingMs: await pool.ping(bound) }];
      } catch (error) {
        const silent = `no worker answered a ping within ${timeoutMs} ms`;
        return [pool.name, { ready: false, reason: bound.aborted ? silent : messageOf(error) }];
      }
    });
    return { ready: entries.every(([, it]) => it.ready), pools: Object.fromEntries(entries) };
  }

  /** @throws {SnakedenError} `pool_unhealthy`, `shutting_down`, `startup_failed` when the time is up. */
  async awaitReady({ timeoutMs, signal }: WaitOptions): Promise<void> {
    const bound = withTimeout(timeoutMs, signal);
    try {
      await this.#each((pool) => pool.whenReady(bound));
    } catch (error) {
      if (!bound.aborted || signal?.aborted) throw error;
      const late = [...this.#pools.values()].filter((it) => it.state !== "ready");
      throw new SnakedenError(
        "startup_failed",
        [
          `Not ready after ${timeoutMs} ms: no worker yet in ${
            late.map((it) => it.name).join(", ")
          }`,
          ...late.flatMap(({ reason }) => reason ?? []),
        ].join("\n"),
        { retryable: true },
      );
    }
  }

  /**
   * A worker by its id, with its pool. Of two with the same id it is the one that is not about to end.
   *
   * @throws {SnakedenError} `unknown_worker`.
   */
  worker(id: string): readonly [Pool, Worker] {
    return findWorker(id, this.#pools);
  }

  /**
   * Replaces workers, in each pool one after the other.
   *
   * @param only The pool whose workers are meant; all pools without it.
   * @throws {SnakedenError} `unknown_worker`, `shutting_down`.
   */
  recycle({ workers, signal }: RecycleRequest, only?: Pool): Recycling {
    const pools = only === undefined ? this.#pools : new Map([[only.name, only]]);
    const chosen = workers?.map((id) => findWorker(id, pools)) ??
      [...pools.values()].flatMap((it) => it.serving.map((worker) => [it, worker] as const));
    const done = Promise.all([...pools.values()].map((it) => {
      const own = chosen.filter(([owner]) => owner === it).map(([, worker]) => worker);
      return it.recycle(own, signal);
    }));
    // Whoever does not wait for it finds failures in the log.
    done.catch(() => {});
    return { workers: chosen.map(([, { id }]) => id), done: done.then(() => {}) };
  }

  async #each<T>(work: (pool: Pool) => Promise<T>): Promise<T[]> {
    return await Promise.all([...this.#pools.values()].map(work));
  }
}

function findWorker(id: string, pools: PoolsByName): readonly [Pool, Worker] {
  let found: readonly [Pool, Worker] | undefined;
  const ids = new Set<string>();
  for (const pool of pools.values()) {
    for (const worker of pool.workers) {
      ids.add(worker.id);
      if (worker.id !== id) continue;
      if (found === undefined || found[1].state === "stopping") found = [pool, worker];
    }
  }
  if (found !== undefined) return found;
  const where = pools.size === 1 ? ` in the pool ${[...pools.keys()][0]}` : "";
  throw new SnakedenError(
    "unknown_worker",
    `There is no worker "${id}"${where}; ${suggestion(id, [...ids])}`,
    { details: { workerId: id } },
  );
}

function withTimeout(timeoutMs: number | undefined, signal: AbortSignal | undefined): AbortSignal {
  const signals = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  return AbortSignal.any(signal === undefined ? signals : [...signals, signal]);
}
