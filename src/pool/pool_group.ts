import type { PoolsByName } from "./find_pool.ts";

/** The pools of one host, started and stopped together. */
export class PoolGroup implements AsyncDisposable {
  readonly byName: PoolsByName;

  constructor(pools: PoolsByName) {
    this.byName = pools;
  }

  /** Starts all of them; stops them when the start is given up. */
  async start(signal?: AbortSignal): Promise<void> {
    const onAbort = (): void => void this.stop({ drainMs: 0 });
    signal?.addEventListener("abort", onAbort, { once: true });
    await Promise.all([...this.byName.values()].map((pool) => pool.start()));
    signal?.removeEventListener("abort", onAbort);
    signal?.throwIfAborted();
  }

  /** Stops all pools concurrently; see {@link Pool.stop}. */
  async stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    await Promise.all([...this.byName.values()].map((pool) => pool.stop(options)));
  }

  /**
   * Forgets the workers of sessions that have ended; their open calls go on. Tells all workers that
   * the lives of sessions have ended with which they keep objects.
   */
  sessionsEnded(ids: readonly string[], lives: readonly string[]): void {
    for (const pool of this.byName.values()) {
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
