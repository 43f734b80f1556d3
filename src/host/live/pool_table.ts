import type { PoolConfig, SizedPoolConfig } from "../../config/mod.ts";
import { sortMap } from "../../collections/mod.ts";
import type { OpenedPool } from "../open_pools.ts";

/** A pool of a running host. */
export interface HostPool extends OpenedPool {
  /** Its configuration as it was given, before its workers got devices. */
  readonly given: PoolConfig;
  /** True if the configuration names it; false if it was added while the host runs. */
  readonly isConfigured: boolean;
  /** The parts of this pool alone; disposed when its workers are gone. */
  readonly resources: AsyncDisposableStack;
}

/** The pools of a running host, in the order of its configuration. */
export class PoolTable implements Iterable<SizedPoolConfig> {
  readonly #pools = new Map<string, HostPool>();

  constructor(pools: Iterable<HostPool>) {
    for (const pool of pools) this.put(pool);
  }

  /** The configurations of the pools. */
  get configs(): SizedPoolConfig[] {
    return [...this];
  }

  /** The same, with the sizes that the pools have now: they may have been resized. */
  get resized(): SizedPoolConfig[] {
    return this.all.map(({ config, pool: { limits } }) => {
      const isSame = limits.max === config.size && limits.min === (config.min ?? config.size);
      return isSame ? config : { ...config, ...limits, size: limits.max };
    });
  }

  /** All pools. */
  get all(): HostPool[] {
    return [...this.#pools.values()];
  }

  get(name: string): HostPool | undefined {
    return this.#pools.get(name);
  }

  /** Puts a pool in the place of the one with its name, or at the end. */
  put(pool: HostPool): void {
    this.#pools.set(pool.config.name, pool);
  }

  /** Puts the pools in this order; others stay behind them. */
  sort(names: readonly string[]): void {
    sortMap(this.#pools, names);
  }

  delete(name: string): void {
    this.#pools.delete(name);
  }

  *[Symbol.iterator](): Iterator<SizedPoolConfig> {
    for (const { config } of this.#pools.values()) yield config;
  }
}
