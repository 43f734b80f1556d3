import type { ConfigInput, PoolConfig } from "../config/mod.ts";
import { findPool, findWorker, type PoolsByName } from "./find_pool.ts";
import type { ProfileSettings } from "./profiles/mod.ts";
import type { PoliciesInfo } from "./policies_info.ts";
import type { Pool } from "./pool.ts";
import { describePool, type PoolInfo } from "./pool_info.ts";
import type { ResizeRequest } from "./supervision/mod.ts";

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

/** A pool to add, as a configuration writes it: keys with a default may be omitted. */
export type PoolInput = NonNullable<ConfigInput["pools"]>[number];

/** Options of {@link Pools.add}. */
export interface AddPoolOptions {
  /** Called with lines about the build of the Python of the pool. Default: they go to the log. */
  readonly onProgress?: ((line: string) => void) | undefined;
  /** Gives up the addition. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Pools.remove}. */
export interface RemovePoolOptions {
  /** The time that running calls have to finish. Default: that of the pool. */
  readonly drainMs?: number | undefined;
}

/** Adds and removes pools of a running host. */
export interface PoolChanges {
  add(pool: PoolInput, options: AddPoolOptions): Promise<void>;
  remove(name: string, options: RemovePoolOptions): Promise<void>;
  /** @throws {SnakedenError} If the pool may not have so many workers beside the others. */
  checkResize?(pool: Pool, change: ResizeRequest): void;
  /** Notes that a pool was resumed, and with it those that it has replaced. */
  resumed?(name: string): void;
}

/** The part of the configuration of a pool that is shown. */
type ShownConfig = Pick<PoolConfig, "name" | "adapter" | "profile"> & ProfileSettings;

/** Dependencies of {@link Pools}. */
export interface PoolsDeps {
  readonly pools: PoolsByName;
  /** The policies to show, by the name of the pool. */
  readonly policies?: {
    get(pool: string): { readonly info: PoliciesInfo } | undefined;
  } | undefined;
  /** Without it, pools can neither be added nor removed. */
  readonly changes?: PoolChanges | undefined;
}

/** The pools of a host: what they do now, and how they are changed. */
export class Pools {
  readonly #configs: Iterable<ShownConfig>;
  readonly #deps: PoolsDeps;
  readonly #pools: PoolsByName;

  /**
   * Describes these pools. Programs get theirs from {@link Snakeden.pools}.
   *
   * @param configs Their configurations, which are read each time.
   */
  constructor(configs: Iterable<ShownConfig>, deps: PoolsDeps) {
    this.#configs = configs;
    this.#deps = deps;
    this.#pools = deps.pools;
  }

  /** Describes the pools as they are now, in the order of the configuration. */
  list(): PoolInfo[] {
    return [...this.#configs].flatMap((config) => {
      const pool = this.#pools.get(config.name);
      return pool === undefined ? [] : [this.#describe(pool, config)];
    });
  }

  /**
   * Describes one pool as it is now.
   *
   * @throws {SnakedenError} `unknown_pool`, naming near ones.
   */
  get(name: string): PoolInfo {
    const pool = findPool(name, this.#pools);
    const config = [...this.#configs].find((it) => it.name === name);
    if (config === undefined) throw new TypeError(`the pool ${name} has no configuration`);
    return this.#describe(pool, config);
  }

  /**
   * Adds a pool while the host runs, and resolves when it takes calls: builds its Python if needed,
   * gives its workers their devices, and starts them. Other pools keep their devices. If the pool
   * cannot be used, nothing of it is left.
   *
   * @throws {SnakedenError} `config_invalid` with every problem, `pool_exists`,
   * `device_unavailable`, `python_environment`, `pool_start_failed`, `shutting_down`, or the reason
   * of the signal.
   */
  async add(pool: PoolInput, options: AddPoolOptions = {}): Promise<PoolInfo> {
    await this.#changes.add(pool, options);
    return this.get(pool.name);
  }

  /**
   * Removes a pool while the host runs. It takes no further call: those that wait are refused, and
   * those that run have `drainMs` to finish, by default that of the pool. Jobs of the pool stay,
   * and wait for a pool of this name. Resolves when all its workers are gone.
   *
   * @throws {SnakedenError} `unknown_pool`, naming near ones; `invalid_input`.
   */
  async remove(name: string, options: RemovePoolOptions = {}): Promise<void> {
    await this.#changes.remove(name, options);
  }

  /**
   * Changes how many workers a pool keeps: `size`, or any of `min`, `max` and `spare`. Missing
   * workers are started; excess ones finish their calls and end. It holds at once, until the
   * configuration is read again.
   *
   * @throws {SnakedenError} `unknown_pool`, `invalid_input` naming each field, `shutting_down`.
   */
  resize(name: string, change: ResizeRequest): PoolInfo {
    const pool = findPool(name, this.#pools);
    this.#deps.changes?.checkResize?.(pool, change);
    pool.resize(change);
    return this.get(name);
  }

  /**
   * Lets a pool send no more calls to its workers: new ones wait, until {@link Pools.resume} or
   * their deadlines. Those that run go on.
   *
   * @throws {SnakedenError} `unknown_pool`, `shutting_down`.
   */
  pause(name: string): PoolInfo {
    findPool(name, this.#pools).pause();
    return this.get(name);
  }

  /**
   * Ends a pause.
   *
   * @throws {SnakedenError} `unknown_pool`, `shutting_down`.
   */
  resume(name: string): PoolInfo {
    findPool(name, this.#pools).resume();
    this.#deps.changes?.resumed?.(name);
    return this.get(name);
  }

  /**
   * Ends the idle workers of a pool beyond `min` and `spare` now, but none with strict sessions or
   * registered tools. Returns their ids.
   *
   * @throws {SnakedenError} `unknown_pool`.
   */
  cleanIdle(name: string): readonly string[] {
    return findPool(name, this.#pools).cleanIdle();
  }

  /**
   * Starts more workers of a pool, up to `max`, before calls need them; -1 for as many as there may
   * be. Resolves with the ids of those that are ready, once each was tried.
   *
   * @throws {SnakedenError} `unknown_pool`, `invalid_input`, `shutting_down`.
   */
  async startAhead(name: string, count = 1): Promise<readonly string[]> {
    return await findPool(name, this.#pools).startAhead(count);
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
    const pools = pool === undefined ? [...this.#pools.values()] : [findPool(pool, this.#pools)];
    const chosen = workers?.map((id) => findWorker(id, pools)) ??
      pools.flatMap((it) => it.serving.map((worker) => [it, worker] as const));
    const done = Promise.all(pools.map((it) => {
      const own = chosen.filter(([owner]) => owner === it).map(([, worker]) => worker);
      return it.recycle(workers === undefined ? undefined : own, signal);
    }));
    // Failures are in the log, so callers need not wait for it.
    done.catch(() => {});
    return { workers: chosen.map(([, { id }]) => id), done: done.then(() => {}) };
  }

  #describe(pool: Pool, config: ShownConfig): PoolInfo {
    return describePool(pool, config, this.#deps.policies?.get(pool.name)?.info);
  }

  get #changes(): PoolChanges {
    const { changes } = this.#deps;
    if (changes === undefined) throw new TypeError("the pools of this host cannot be changed");
    return changes;
  }
}
