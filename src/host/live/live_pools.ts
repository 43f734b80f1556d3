import { Semaphore } from "../../async/mod.ts";
import type { BridgeServer } from "../../bridge/mod.ts";
import type { PoliciesByPool, StrictSessions } from "../../calls/mod.ts";
import { type Config, MAX_DURATION_MS, shownValue, type SizedConfig } from "../../config/mod.ts";
import { InvalidInputError, SnakedenError, stackOf } from "../../errors.ts";
import { type HardwareSource, placeConfig } from "../../hardware/mod.ts";
import type { JobEngine } from "../../jobs/mod.ts";
import { getLogger } from "../../log.ts";
import {
  type AddPoolOptions,
  findPool,
  type PoolChanges,
  type PoolGroup,
  type PoolInput,
  type RemovePoolOptions,
} from "../../pool/mod.ts";
import type { ServedPool } from "../../reload/mod.ts";
import type { ToolRegistry } from "../../tools/mod.ts";
import { openPool, type PoolsParts } from "../open_pools.ts";
import { openPythons } from "../open_python.ts";
import { assertPermitted } from "../permissions.ts";
import { ofPool, parsePool } from "./parse_pool.ts";
import type { HostPool, PoolTable } from "./pool_table.ts";

/** Dependencies of {@link LivePools}. */
export interface LivePoolsDeps {
  readonly group: PoolGroup;
  readonly table: PoolTable;
  /** Returns the configuration as it is now, with the pools that are there now. */
  readonly config: () => SizedConfig;
  readonly hardware: HardwareSource;
  readonly bridge: Pick<BridgeServer, "open">;
  /** The parts that a new pool needs, besides its Python and its devices. */
  readonly parts: Omit<PoolsParts, "config" | "placements" | "pythons">;
  readonly tools: Pick<ToolRegistry, "warnOfSharedNames">;
  readonly policies: PoliciesByPool;
  readonly strict: Pick<StrictSessions, "poolEnded">;
  /** Undefined if there is no store of jobs. */
  readonly jobs: Pick<JobEngine, "addPool" | "removePool"> | undefined;
  /** Follows the code of a pool. */
  readonly follow: (pool: ServedPool) => Promise<AsyncDisposable>;
}

/**
 * Adds and removes pools of a running host. One change is made after the other. What a change needs
 * is prepared before anything of the host is touched, so that a change that fails leaves nothing.
 */
export class LivePools implements PoolChanges, AsyncDisposable {
  readonly #deps: LivePoolsDeps;
  readonly #turns = new Semaphore(1);
  readonly #closing = new AbortController();
  /** The pools that were taken out, and have not ended. */
  readonly #ending = new Map<HostPool, Promise<void>>();

  constructor(deps: LivePoolsDeps) {
    this.#deps = deps;
  }

  async add(input: PoolInput, options: AddPoolOptions): Promise<void> {
    const signal = this.#signalOf(options.signal);
    await this.#turns.enter(async () => {
      const { table, group } = this.#deps;
      group.assertOpen("add a pool");
      const config = this.#deps.config();
      const parsed = parsePool(input, config);
      const { name } = parsed;
      if (table.get(name) !== undefined) throw poolExists(name);
      const next: Config = { ...config, pools: [...config.pools, parsed] };
      const opened = await this.#open(name, next, { ...options, signal });
      await this.#commit(opened);
      getLogger("pool").info("the pool {pool} was added", { pool: name });
    }, signal);
  }

  async remove(name: string, { drainMs }: RemovePoolOptions): Promise<void> {
    checkDrain(drainMs);
    const options = drainMs === undefined ? {} : { drainMs };
    const ended = await this.#turns.enter(async () => {
      const { table, group } = this.#deps;
      const removed = table.get(name);
      if (removed !== undefined) return { end: this.#remove(removed, options) };
      const [leaving] = [...this.#ending].filter(([{ pool }]) => pool.name === name);
      if (leaving === undefined) findPool(name, group.byName);
      // A second removal can only hurry the first one.
      if (drainMs === 0) await leaving?.[0].pool.stop(options);
      return { end: leaving?.[1] };
    });
    await ended.end;
  }

  /** Gives up changes that are under way, and makes no further one: the host stops. */
  close(): void {
    const text = "Cannot change the pools: the host is stopping";
    this.#closing.abort(new SnakedenError("shutting_down", text, { retryable: true }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#turns.enter(() => Promise.resolve());
    await Promise.allSettled(this.#ending.values());
    for (const { resources } of this.#deps.table.all) await resources.disposeAsync();
  }

  #signalOf(signal: AbortSignal | undefined): AbortSignal {
    const { signal: closing } = this.#closing;
    return signal === undefined ? closing : AbortSignal.any([closing, signal]);
  }

  /** Prepares a pool and starts its workers. Nothing of it is left if that fails. */
  async #open(
    name: string,
    next: Config,
    { signal, onProgress }: AddPoolOptions & { readonly signal: AbortSignal },
  ): Promise<HostPool> {
    const { hardware, bridge, parts, follow } = this.#deps;
    await using resources = new AsyncDisposableStack();
    const index = next.pools.findIndex((it) => it.name === name);
    assertPermitted(next);
    const { config, placements } = await placeConfig(next, hardware, signal).catch((error) => {
      throw ofPool(error, index);
    });
    const poolConfig = config.pools[index];
    if (poolConfig === undefined) throw new TypeError(`the pool ${name} was not placed`);
    const setup = { signal, onSetupProgress: onProgress };
    const pythons = resources.use(await openPythons({ ...config, pools: [poolConfig] }, setup));
    await bridge.open(poolConfig.carrier);
    signal.throwIfAborted();
    const opened = openPool(poolConfig, { ...parts, config, placements, pythons });
    const { pool } = opened;
    resources.defer(() => pool.stop({ drainMs: 0 }));
    resources.use(await follow({ pool, poolConfig }));
    const onAbort = (): void => void pool.stop({ drainMs: 0 });
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await pool.start();
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    if (pool.state !== "ready") throw notStarted(name, pool.reason);
    return { ...opened, isConfigured: false, resources: resources.move() };
  }

  /** Lets a pool take calls and jobs. */
  async #commit(opened: HostPool): Promise<void> {
    const { group, table, policies, jobs, tools } = this.#deps;
    try {
      group.put(opened.pool);
    } catch (error) {
      await opened.resources.disposeAsync();
      throw error;
    }
    table.put(opened);
    policies.set(opened.config);
    jobs?.addPool(opened.pool);
    tools.warnOfSharedNames();
  }

  /** Takes a pool out at once; resolves when its workers are gone. */
  #remove(removed: HostPool, options: { readonly drainMs?: number }): Promise<void> {
    const { group, table, policies, strict } = this.#deps;
    const { pool } = removed;
    pool.endReason = "was removed";
    group.take(pool.name);
    table.delete(pool.name);
    policies.delete(pool.name);
    strict.poolEnded(pool.name);
    getLogger("pool").info("the pool {pool} is removed", { pool: pool.name });
    return this.#end(removed, options);
  }

  #end(ended: HostPool, options: Parameters<PoolGroup["end"]>[1]): Promise<void> {
    const end = this.#endOf(ended, options);
    this.#ending.set(ended, end);
    // The caller may have left.
    end.catch((error: unknown) => {
      getLogger("pool").error("the pool {pool} did not end cleanly: {problem}", {
        pool: ended.pool.name,
        problem: stackOf(error),
      });
    }).finally(() => this.#ending.delete(ended));
    return end;
  }

  async #endOf(
    { pool, resources }: HostPool,
    options: Parameters<PoolGroup["end"]>[1],
  ): Promise<void> {
    const { group, jobs } = this.#deps;
    await Promise.all([jobs?.removePool(pool), group.end(pool, options)]);
    await resources.disposeAsync();
  }
}

function checkDrain(drainMs: unknown): void {
  if (drainMs === undefined) return;
  if (Number.isInteger(drainMs) && Number(drainMs) >= 0 && Number(drainMs) <= MAX_DURATION_MS) {
    return;
  }
  const message = `given ${shownValue(drainMs)}; allowed: a whole number from 0 to ` +
    `${MAX_DURATION_MS}`;
  throw new InvalidInputError(`Cannot remove the pool: drainMs: ${message}`, [
    { path: "drainMs", message },
  ]);
}

function poolExists(name: string): SnakedenError {
  return new SnakedenError(
    "pool_exists",
    `Cannot add the pool ${name}: there is a pool of this name`,
    { details: { pool: name } },
  );
}

function notStarted(name: string, reason = "none of its workers became ready"): SnakedenError {
  return new SnakedenError("worker_start_failed", `Cannot add the pool ${name}`, {
    output: `: ${reason}`,
    details: { pool: name },
  });
}
