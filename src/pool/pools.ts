import type { PoolConfig } from "../config/mod.ts";
import { findPool, findWorker, type PoolsByName } from "./find_pool.ts";
import type { ProfileSettings } from "./profiles/mod.ts";
import type { PoliciesInfo } from "./policies_info.ts";
import { describePool, type PoolInfo } from "./pool_info.ts";

/** The workers to replace: all, those of one pool, or some. */
export interface RecycleRequest {
  /** The name of the pool. Default: all pools. */
  readonly pool?: string;
  /** The ids of the workers to replace. */
  readonly workers?: readonly string[];
  /** Aborts between two workers: the replacement that is under way is finished. */
  readonly signal?: AbortSignal;
}

/** Workers that are being replaced. */
export interface Recycling {
  /** The ids of the workers, in the order in which they are replaced. */
  readonly workers: readonly string[];
  /** Resolves when all of them are gone. */
  readonly done: Promise<void>;
}

/** Dependencies of {@link Pools}. */
export interface PoolsDeps {
  readonly pools: PoolsByName;
  /** The policies to show, by the name of the pool. */
  readonly policies?: ReadonlyMap<string, { readonly info: PoliciesInfo }> | undefined;
}

/** The pools of a host: what they do now, and the replacement of their workers. */
export class Pools {
  readonly #pools: PoolsByName;
  readonly #describe: ReadonlyMap<string, () => PoolInfo>;

  /** Describes these pools. Programs get theirs from {@link Snakeden.pools}. */
  constructor(
    configs: readonly (Pick<PoolConfig, "name" | "adapter" | "profile"> & ProfileSettings)[],
    { pools, policies }: PoolsDeps,
  ) {
    this.#pools = pools;
    this.#describe = new Map(configs.map((config) => {
      const pool = findPool(config.name, pools);
      return [pool.name, () => describePool(pool, config, policies?.get(pool.name)?.info)];
    }));
  }

  /** Describes the pools as they are now, in the order of the configuration. */
  list(): PoolInfo[] {
    return [...this.#describe.values()].map((describe) => describe());
  }

  /**
   * Describes one pool as it is now.
   *
   * @throws {SnakedenError} `unknown_pool`, naming near ones.
   */
  get(name: string): PoolInfo {
    return findPool(name, this.#describe)();
  }

  /** Forgets the workers of a session that has ended, in all pools. Its open calls go on. */
  forgetSession(sessionId: string): void {
    for (const pool of this.#pools.values()) pool.sessions.forget(sessionId);
  }

  /**
   * Replaces the workers of all pools, of one pool, or some of one pool; in each pool one at a
   * time. A successor starts and takes over, then the old worker finishes its calls and ends; or
   * first the old worker and then its successor, as `replace` of the pool says. No call fails
   * because of it. Resolves when all old workers are gone.
   *
   * New workers load the code as it is then. Recycling a whole pool also restarts workers that are
   * starting and ends pauses before restarts. At the end it closes circuits and forgets poison.
   *
   * @throws {SnakedenError} `unknown_pool`, `unknown_worker`, `shutting_down`.
   */
  async recycle(request: RecycleRequest = {}): Promise<void> {
    await this.startRecycle(request).done;
  }

  /**
   * Starts what {@link Pools.recycle} does, and returns the ids of the workers that are being
   * replaced.
   *
   * @throws {SnakedenError} See {@link Pools.recycle}.
   */
  startRecycle({ pool, workers, signal }: RecycleRequest = {}): Recycling {
    const pools = pool === undefined ? this.#pools : new Map([[pool, findPool(pool, this.#pools)]]);
    const chosen = workers?.map((id) => findWorker(id, pools)) ??
      [...pools.values()].flatMap((it) => it.serving.map((worker) => [it, worker] as const));
    const done = Promise.all([...pools.values()].map((it) => {
      const own = chosen.filter(([owner]) => owner === it).map(([, worker]) => worker);
      return it.recycle(workers === undefined ? undefined : own, signal);
    }));
    // Failures are in the log, so callers need not wait for it.
    done.catch(() => {});
    return { workers: chosen.map(([, { id }]) => id), done: done.then(() => {}) };
  }
}
