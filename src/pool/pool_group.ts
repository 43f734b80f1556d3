import { sortMap } from "../collections/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { PoolsByName } from "./find_pool.ts";
import type { Pool } from "./pool.ts";

/**
 * The pools of one host, started and stopped together. While the host runs, pools can be added,
 * replaced and removed: those that were removed or replaced take no further call, and end when
 * their calls have.
 */
export class PoolGroup implements AsyncDisposable {
  readonly #pools: Map<string, Pool>;
  readonly #leaving = new Set<Pool>();
  #isStopping = false;

  constructor(pools: PoolsByName) {
    this.#pools = new Map(pools);
  }

  /** The pools that take calls. The map is always the same, and follows every change. */
  get byName(): PoolsByName {
    return this.#pools;
  }

  /** All pools that may have workers: also those that were removed or replaced, at the end. */
  get all(): readonly Pool[] {
    return [...this.#pools.values(), ...this.#leaving];
  }

  /** Starts all of them; stops them when the start is given up. */
  async start(signal?: AbortSignal): Promise<void> {
    const onAbort = (): void => void this.stop({ drainMs: 0 });
    signal?.addEventListener("abort", onAbort, { once: true });
    await Promise.all([...this.#pools.values()].map((pool) => pool.start()));
    signal?.removeEventListener("abort", onAbort);
    signal?.throwIfAborted();
  }

  /**
   * Lets a pool take calls, in the place of the one with its name if there is one. The pool that is
   * replaced takes no further call.
   *
   * @returns The pool that was replaced. It must be ended by {@link PoolGroup.end}.
   * @throws {SnakedenError} `shutting_down`.
   */
  put(pool: Pool): Pool | undefined {
    this.assertOpen(`use the pool ${pool.name}`);
    const replaced = this.#pools.get(pool.name);
    this.#pools.set(pool.name, pool);
    if (replaced !== undefined) this.#leaving.add(replaced);
    return replaced;
  }

  /**
   * Takes a pool out, so that it takes no further call.
   *
   * @returns The pool, if there is one. It must be ended by {@link PoolGroup.end}.
   */
  take(name: string): Pool | undefined {
    const pool = this.#pools.get(name);
    if (pool === undefined) return undefined;
    this.#pools.delete(name);
    this.#leaving.add(pool);
    return pool;
  }

  /** Puts the pools in this order, in which calls look for their tools. */
  sort(names: readonly string[]): void {
    sortMap(this.#pools, names);
  }

  /**
   * Ends a pool that was taken out or replaced. Resolves when all its workers are gone.
   *
   * @param idle The pool is stopped when this resolves, or earlier with the host.
   */
  async end(
    pool: Pool,
    { idle, ...options }: { readonly idle?: Promise<void>; readonly drainMs?: number } = {},
  ): Promise<void> {
    await idle;
    await pool.stop(options);
    this.#leaving.delete(pool);
  }

  /** @throws {SnakedenError} `shutting_down` once the host stops. */
  assertOpen(action: string): void {
    if (!this.#isStopping) return;
    const text = `Cannot ${action}: the host is stopping`;
    throw new SnakedenError("shutting_down", text, { retryable: true });
  }

  /** Stops all pools concurrently; see {@link Pool.stop}. */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.all.map((pool) => pool.stop(options)));
  }

  /**
   * Forgets the workers of sessions that have ended; their open calls go on. Tells all workers that
   * the lives of sessions have ended with which they keep objects.
   */
  sessionsEnded(ids: readonly string[], lives: readonly string[]): void {
    for (const pool of this.all) {
      for (const id of ids) pool.sessions.forget(id);
      if (lives.length === 0) continue;
      pool.registered.sessionsEnded(lives);
      for (const worker of pool.serving) worker.link.sessionsEnded(lives);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
