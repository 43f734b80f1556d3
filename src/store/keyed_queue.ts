/**
 * A queue for each key: the work of one key runs sequentially, in the order of the calls; the work
 * of different keys runs concurrently.
 */
export class KeyedQueue {
  /** The latest work of each key. It never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` once all earlier work of `key` has settled. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.catch(() => {});
    this.#last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
