import { type Clock, SYSTEM_CLOCK } from "../../async/mod.ts";
import { type Config, invalidConfig, type PoolConfig } from "../../config/mod.ts";
import { InvalidInputError } from "../../errors.ts";
import { type Pool, type ResizeRequest, rssBytesOf, type StartCap } from "../../pool/mod.ts";

/** The time after which a pool that may not start a worker is looked at, in milliseconds. */
const FIRST_LOOK_MS = 10;
const NEXT_LOOK_MS = 100;

/** A pool, as the cap sees it. */
export type CappedPool = Pick<
  Pool,
  "name" | "limits" | "occupied" | "wanted" | "workers" | "reconsider" | "yieldWorker"
>;

/** Dependencies of a {@link WorkerCap}. */
export interface WorkerCapDeps {
  /** Returns the limits as they are now. */
  readonly limits: () => Pick<Config, "maxWorkers" | "maxWorkerMemoryBytes">;
  /** Returns all pools that may have workers. */
  readonly pools: () => readonly CappedPool[];
  readonly clock?: Clock;
}

/**
 * The limit on the workers of all pools together. A pool always gets its `min` workers; above that,
 * a start waits while there is no room.
 *
 * The share of a pool is its `min` and an equal part of the rest, which is divided among the pools
 * that have more than `min` workers or want more. A pool below its share comes first. If there is
 * no room for it, a worker of a pool above its share ends: an idle one if there is any, else one
 * that finishes its calls before.
 */
export class WorkerCap implements Disposable {
  readonly #deps: WorkerCapDeps;
  readonly #waiting = new Set<CappedPool>();
  #cancelLook: (() => void) | undefined;
  #isDisposed = false;

  constructor(deps: WorkerCapDeps) {
    this.#deps = deps;
  }

  /** Returns the cap of one pool. */
  of(pool: () => CappedPool): StartCap {
    return {
      mayStart: () => this.mayStart(pool()),
      room: () => this.room(pool()),
      onRoomFreed: () => {
        if (this.#waiting.size > 0) this.#lookIn(0);
      },
    };
  }

  /** Returns true if a pool may start one more worker above its `min`; else it is noted. */
  mayStart(pool: CappedPool): boolean {
    const { maxWorkers, maxWorkerMemoryBytes } = this.#deps.limits();
    if (maxWorkers === undefined && maxWorkerMemoryBytes === undefined) return true;
    const isFirst = this.#isBelowShare(pool) ||
      ![...this.#waiting].some((it) => it !== pool && this.#isBelowShare(it));
    if (isFirst && this.#freeFor(pool) >= 1) {
      this.#waiting.delete(pool);
      return true;
    }
    this.#waiting.add(pool);
    if (this.#cancelLook === undefined) this.#lookIn(FIRST_LOOK_MS);
    return false;
  }

  /**
   * Returns how many more workers above its `min` a pool may have now, or soon in the place of
   * workers of pools above their shares; `Infinity` if nothing limits it.
   */
  room(pool: CappedPool): number {
    const { maxWorkers, maxWorkerMemoryBytes } = this.#deps.limits();
    if (maxWorkers === undefined && maxWorkerMemoryBytes === undefined) return Infinity;
    const free = Math.max(0, this.#freeFor(pool));
    const lacking = this.#shareOf(pool) - pool.wanted;
    if (lacking <= free) return free;
    const others = this.#deps.pools().filter((it) => it !== pool);
    const excess = others.reduce(
      (sum, it) => sum + Math.max(0, it.wanted - this.#shareOf(it, pool)),
      0,
    );
    return Math.min(lacking, free + excess);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancelLook?.();
  }

  #lookIn(ms: number): void {
    if (this.#isDisposed) return;
    this.#cancelLook?.();
    this.#cancelLook = (this.#deps.clock ?? SYSTEM_CLOCK).after(ms, () => {
      this.#cancelLook = undefined;
      this.#look();
    });
  }

  /** Lets the pools that wait start workers, those first that are furthest below their shares. */
  #look(): void {
    const waiting = [...this.#waiting]
      .map((pool) => ({ pool, excess: pool.wanted - this.#shareOf(pool) }))
      .sort((a, b) => a.excess - b.excess);
    for (const { pool, excess } of waiting) {
      this.#waiting.delete(pool);
      pool.reconsider();
      // It is noted again if it still wants a worker, and gets none.
      if (excess < 0 && this.#waiting.has(pool)) this.#makeRoom(pool);
    }
    if (this.#waiting.size > 0) this.#lookIn(NEXT_LOOK_MS);
  }

  #makeRoom(pool: CappedPool): void {
    const pools = this.#deps.pools();
    const ending = pools.reduce((sum, it) => sum + Math.max(0, it.occupied - it.wanted), 0);
    if (ending >= this.#waiting.size) return;
    const rich = pools.filter((it) => it !== pool)
      .map((it) => ({ it, excess: it.wanted - this.#shareOf(it) }))
      .filter(({ excess }) => excess > 0)
      .sort((a, b) => b.excess - a.excess);
    const hasYielded = rich.some(({ it }) => it.yieldWorker({ mayBeBusy: false }));
    if (!hasYielded) rich.some(({ it }) => it.yieldWorker({ mayBeBusy: true }));
  }

  /** Returns how many workers a pool may start now; less than 1 for none. */
  #freeFor(pool: CappedPool): number {
    const { maxWorkers = Infinity, maxWorkerMemoryBytes = Infinity } = this.#deps.limits();
    const pools = this.#deps.pools();
    // Other pools may claim their `min` at any time.
    const claimed = pools.reduce(
      (sum, it) => sum + (it === pool ? it.occupied : Math.max(it.occupied, it.limits.min)),
      0,
    );
    const free = maxWorkers - claimed;
    if (free < 1 || maxWorkerMemoryBytes === Infinity) return free;
    const known = pools.flatMap((it) => it.workers.flatMap((worker) => rssBytesOf(worker) ?? []));
    const bytes = known.reduce((sum, it) => sum + it, 0);
    if (bytes === 0) return free;
    const starting = pools.reduce((sum, it) => sum + it.workers.length, 0) - known.length;
    // A worker that starts will be like the others.
    const each = bytes / known.length;
    return Math.min(free, Math.floor((maxWorkerMemoryBytes - bytes) / each) - starting);
  }

  #isBelowShare(pool: CappedPool): boolean {
    return pool.wanted < this.#shareOf(pool);
  }

  /** Returns the share of a pool, while `asking` also wants a worker. */
  #shareOf(pool: CappedPool, asking = pool): number {
    const pools = this.#deps.pools();
    const wanted = pools.reduce((sum, it) => sum + it.wanted, 0);
    const { maxWorkers = wanted + 1 } = this.#deps.limits();
    const { min } = pool.limits;
    const reserved = pools.reduce((sum, it) => sum + it.limits.min, 0);
    const takers = pools.filter((it) =>
      it === pool || it === asking || it.wanted > it.limits.min || this.#waiting.has(it)
    );
    return min + Math.floor(Math.max(0, maxWorkers - reserved) / takers.length);
  }
}

/**
 * Refuses pools whose `min` workers are more than all pools may have.
 *
 * @throws {InvalidInputError} `config_invalid`.
 */
export function checkCap(
  pools: readonly Pick<PoolConfig, "name" | "size" | "min">[],
  { maxWorkers = Infinity }: Pick<Config, "maxWorkers">,
): void {
  const mins = pools.map(({ name, size = 0, min = size }) => ({ name, min }));
  const sum = mins.reduce((total, { min }) => total + min, 0);
  if (sum <= maxWorkers) return;
  const list = mins.map(({ name, min }) => `${name}: ${min}`).join(", ");
  throw invalidConfig("", [{
    path: "maxWorkers",
    message: `given ${maxWorkers}, but the pools keep ${sum} workers at least (${list}); ` +
      `allowed: at least ${sum}, or less in the min or size of pools`,
  }]);
}

/**
 * Refuses a change of a pool by which all pools would keep more workers than they may have.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function checkCapOf(
  pool: CappedPool,
  change: ResizeRequest,
  { pools, maxWorkers = Infinity }: Pick<Config, "maxWorkers"> & {
    readonly pools: readonly CappedPool[];
  },
): void {
  const { min = change.size } = change;
  if (min === undefined || !(min > pool.limits.min)) return;
  const others = pools.reduce((sum, it) => sum + (it.name === pool.name ? 0 : it.limits.min), 0);
  if (others + min <= maxWorkers) return;
  const path = change.min === undefined ? "size" : "min";
  const most = Math.max(0, maxWorkers - others);
  const message = `given ${min}; allowed: at most ${most}, since the other pools keep ${others} ` +
    `of the ${maxWorkers} workers of all pools (maxWorkers)`;
  throw new InvalidInputError(`Cannot resize the pool ${pool.name}: ${path}: ${message}`, [
    { path, message },
  ]);
}
