/**
 * Runs work of one key one after another, in the order of the calls, and work of different keys at
 * once.
 */
export class KeyedQueue {
  /** The work that came last, by key. It never rejects. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything that came before it under `key` has settled. */
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
