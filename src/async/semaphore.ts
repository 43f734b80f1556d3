/** Runs at most `limit` pieces of work at a time. Others wait, first come, first served. */
export class Semaphore {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Runs `work` as soon as fewer than `limit` others run.
   *
   * @throws The reason of `signal` if it aborts before the work begins, or what the work throws.
   */
  async enter<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#inside >= this.#limit) await this.#turn(signal);
    else this.#inside++;
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      // The place passes directly to the next one in line, so that a newcomer cannot take it.
      if (next !== undefined) next();
      else this.#inside--;
    }
  }

  /** Resolves when a place is passed on to this one. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onTurn = (): void => {
      this.#waiting.delete(onTurn);
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = (): void => {
      this.#waiting.delete(onTurn);
      reject(signal?.reason);
    };
    this.#waiting.add(onTurn);
    signal?.addEventListener("abort", onAbort, { once: true });
    await promise;
  }
}
