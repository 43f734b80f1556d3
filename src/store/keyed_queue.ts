/**
 * A queue for each key: the work of one key runs sequentially, in the order of the calls; the work
 * of different keys runs concurrently.
 */
export class KeyedQueue {
  /** The latest work of each key. It never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` once all earlier work of `key` has settled. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    return await this.runSoon(key, work);
  }

  /**
   * Like {@link KeyedQueue.run}, but runs `work` in this turn if no other work of `key` is there.
   * Then it returns what `work` returns, or throws its error: a promise costs more than much of the
   * work of a store.
   */
  runSoon<T>(key: string, work: () => T | Promise<T>): T | Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work);
    if (!(mine instanceof Promise)) return mine;
    const settled = mine.then(ignore, ignore).then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    this.#last.set(key, settled);
    return mine;
  }
}

function ignore(): void {}
