import { isDeepStrictEqual } from "node:util";
import { Semaphore } from "../../async/mod.ts";
import type { BridgeServer } from "../../bridge/mod.ts";
import type { PoliciesByPool, StrictSessions } from "../../calls/mod.ts";
import {
  type Config,
  MAX_DURATION_MS,
  type PoolConfig,
  shownValue,
  type SizedConfig,
} from "../../config/mod.ts";
import { InvalidInputError, SnakedenError, stackOf } from "../../errors.ts";
import { type HardwareSource, placeConfig, type PlacedConfig } from "../../hardware/mod.ts";
import type { JobEngine } from "../../jobs/mod.ts";
import { getLogger } from "../../log.ts";
import {
  type AddPoolOptions,
  findPool,
  type Pool,
  type PoolChanges,
  type PoolGroup,
  type PoolInput,
  type RemovePoolOptions,
  type ResizeRequest,
} from "../../pool/mod.ts";
import type { ToolRegistry } from "../../tools/mod.ts";
import { openPool, type PoolsParts } from "../open_pools.ts";
import { openPythons } from "../open_python.ts";
import { assertPermitted } from "../permissions.ts";
import {
  applySettings,
  changesOf,
  type ConfigChanges,
  poolsAfter,
  sizesOf,
} from "./config_changes.ts";
import { ofPool, parsePool } from "./parse_pool.ts";
import type { ListedPool } from "../tool_lists/mod.ts";
import type { HostPool, PoolTable } from "./pool_table.ts";
import { type ReloadResult, resultOf, unusable } from "./reload_result.ts";
import { checkCap, checkCapOf } from "./worker_cap.ts";
import { startOrThrow, stopsFirst } from "./start_pool.ts";

/** Options by which a pool is prepared. */
interface OpenOptions extends AddPoolOptions {
  readonly signal: AbortSignal;
  /** True if the configuration names the pool. Default false. */
  readonly isConfigured?: boolean;
}

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
  /** Registers the host tools of a configuration in the place of those before. */
  readonly replaceHostTools: (next: Config) => void;
  /** Called with the configuration that was applied. */
  readonly adopt: (config: Config) => void;
  /** Follows the code and the tools of a pool that has not started. */
  readonly follow: (pool: ListedPool) => Promise<AsyncDisposable>;
}

/**
 * Adds, replaces and removes pools of a running host. One change is made after the other. All that
 * a change needs is prepared before the host is touched, so that one that fails leaves nothing.
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

  /**
   * Applies another configuration: adds and replaces pools, removes those that it names no longer,
   * and changes the settings that can change. Either all of it is done or nothing. No call is
   * dropped: the calls of pools that go wait and run in them until the last one has ended.
   *
   * @param read Reads the configuration, once all earlier changes were made.
   * @throws {InvalidInputError} `config_invalid`, with what is wrong.
   */
  async reload(read: () => Promise<Config>, options: AddPoolOptions): Promise<ReloadResult> {
    const signal = this.#signalOf(options.signal);
    return await this.#turns.enter(async () => {
      const { table, group } = this.#deps;
      group.assertOpen("reload the configuration");
      const now = this.#deps.config();
      const next = await read();
      const changes = changesOf(table, now, next);
      checkCap(poolsAfter(table, changes, next), next);
      await using unused = new AsyncDisposableStack();
      const opened = await this.#openAll(changes, next, { ...options, signal });
      for (const { resources } of opened) unused.defer(() => resources.disposeAsync());
      this.#deps.replaceHostTools(next);
      unused.move();
      for (const name of changes.removed) {
        const removed = table.get(name);
        if (removed !== undefined) this.#retire(removed, "was removed");
      }
      for (const it of opened) this.#replace(it);
      for (const it of changes.adjusted) this.#adjust(it);
      const order = next.pools.map(({ name }) => name);
      table.sort(order);
      group.sort(order);
      applySettings(now, next);
      this.#deps.adopt(next);
      return resultOf(changes);
    }, signal);
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
      const next: Config = { ...config, pools: [...table.resized, parsed] };
      const opened = await this.#open(name, next, { ...options, signal });
      try {
        this.#commit(opened);
      } catch (error) {
        await opened.resources.disposeAsync();
        throw error;
      }
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

  checkResize(pool: Pool, change: ResizeRequest): void {
    const { maxWorkers } = this.#deps.config();
    const pools = this.#deps.table.all.map((it) => it.pool);
    checkCapOf(pool, change, { pools, maxWorkers });
  }

  resumed(name: string): void {
    for (const [{ pool }] of this.#ending) {
      if (pool.name === name && pool.isPaused && pool.state !== "stopping") pool.resume();
    }
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
    { signal, onProgress, isConfigured = false }: OpenOptions,
  ): Promise<HostPool> {
    const { hardware, bridge, parts, follow, table } = this.#deps;
    await using resources = new AsyncDisposableStack();
    const index = next.pools.findIndex((it) => it.name === name);
    assertPermitted(next);
    const { config, placements } = await placeWithin(next, hardware, signal).catch((error) => {
      throw ofPool(error, index);
    });
    const poolConfig = config.pools[index];
    if (poolConfig === undefined) throw new TypeError(`the pool ${name} was not placed`);
    const setup = { signal, onSetupProgress: onProgress };
    const pythons = resources.use(await openPythons({ ...config, pools: [poolConfig] }, setup));
    await bridge.open(poolConfig.carrier);
    signal.throwIfAborted();
    const before = table.get(name)?.stats;
    const opened = openPool(poolConfig, { ...parts, config, placements, pythons }, { before });
    const { pool } = opened;
    resources.defer(() => pool.stop({ drainMs: 0 }));
    resources.use(await follow({ pool, poolConfig, python: pythons.of(name) }));
    const given = next.pools[index] ?? poolConfig;
    // A device may not hold the workers of both.
    const waits = table.get(name) !== undefined && stopsFirst(poolConfig);
    if (!waits) await startOrThrow(pool, signal);
    return { ...opened, given, isConfigured, resources: resources.move() };
  }

  /** Prepares the pools that are new or have changed: all of them or none. */
  async #openAll(
    changes: ConfigChanges,
    next: Config,
    options: OpenOptions,
  ): Promise<HostPool[]> {
    const { table } = this.#deps;
    const { added, changed } = changes;
    const own = [...added, ...changed].map(({ name }) => name);
    const pools = poolsAfter(table, changes, next);
    await using opened = new AsyncDisposableStack();
    const all: HostPool[] = [];
    for (const name of own) {
      try {
        const it = await this.#open(name, { ...next, pools }, { ...options, isConfigured: true });
        opened.defer(() => it.resources.disposeAsync());
        all.push(it);
      } catch (error) {
        options.signal.throwIfAborted();
        throw unusable(error, { name, index: next.pools.findIndex((it) => it.name === name) });
      }
    }
    this.#deps.group.assertOpen("reload the configuration");
    opened.move();
    return all;
  }

  /** Lets a pool take the place of the one of its name, whose calls end there. */
  #replace(opened: HostPool): void {
    const { table, strict } = this.#deps;
    const { pool } = opened;
    const replaced = table.get(pool.name);
    // Its calls wait on until the new one is resumed.
    if (replaced?.pool.isPaused) pool.pause();
    this.#commit(opened);
    if (replaced === undefined) return;
    replaced.pool.endReason = "was replaced";
    strict.poolEnded(pool.name);
    pool.sessions.inherit(replaced.pool.sessions, "ended with its pool, which was replaced");
    const end = this.#end(replaced, { idle: replaced.stats.idle() });
    if (stopsFirst(opened.config)) void end.then(() => pool.start(), () => pool.start());
  }

  /** Changes the number of workers and the policies of a pool. */
  #adjust(given: PoolConfig): void {
    const { table, policies } = this.#deps;
    const before = table.get(given.name);
    if (before === undefined) return;
    const sizes = sizesOf(given);
    if (sizes !== undefined) before.pool.resize(sizes);
    const { breaker, retry, tools } = given;
    const isSame = isDeepStrictEqual(
      { breaker, retry, tools },
      { breaker: before.given.breaker, retry: before.given.retry, tools: before.given.tools },
    );
    if (!isSame) policies.set(given);
    const config = { ...given, size: before.pool.limits.max };
    table.put({ ...before, given, config, isConfigured: true });
  }

  /** Takes a pool out, whose calls end there, however long that takes. */
  #retire(removed: HostPool, reason: string): void {
    this.#takeOut(removed, reason);
    if (removed.pool.isPaused) removed.pool.resume();
    void this.#end(removed, { idle: removed.stats.idle() });
  }

  /** Lets a pool take calls and jobs. */
  #commit(opened: HostPool): void {
    const { group, table, policies, jobs, tools } = this.#deps;
    group.put(opened.pool);
    table.put(opened);
    policies.set(opened.config);
    jobs?.addPool(opened.pool);
    tools.warnOfSharedNames();
  }

  /** Takes a pool out at once; resolves when its workers are gone. */
  #remove(removed: HostPool, options: { readonly drainMs?: number }): Promise<void> {
    this.#takeOut(removed, "was removed");
    return this.#end(removed, options);
  }

  /** Lets a pool take no further call. */
  #takeOut({ pool }: HostPool, reason: string): void {
    const { group, table, policies, strict } = this.#deps;
    pool.endReason = reason;
    group.take(pool.name);
    table.delete(pool.name);
    policies.delete(pool.name);
    strict.poolEnded(pool.name);
    // Nobody could end their pause later.
    this.resumed(pool.name);
    getLogger("pool").info("the pool {pool} is removed", { pool: pool.name });
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

/** Gives the pools of a configuration their devices, and checks the limit on all workers. */
async function placeWithin(
  next: Config,
  hardware: HardwareSource,
  signal: AbortSignal,
): Promise<PlacedConfig> {
  const placed = await placeConfig(next, hardware, signal);
  checkCap(placed.config.pools, next);
  return placed;
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
