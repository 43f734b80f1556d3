interface Load<T> {
  readonly loaded: Promise<T>;
  isStale: boolean;
}

/** The reads from the store that are under way: one for each key, however many callers wait. */
export class Loads<T> {
  readonly #loads = new Map<string, Load<T>>();

  /**
   * Returns what `read` returns. Calls `keep` with it unless {@link Loads.markStale} was called
   * meanwhile: then the store has something newer.
   */
  run(key: string, read: () => Promise<T>, keep: (it: T) => void): Promise<T> {
    const current = this.#loads.get(key);
    if (current !== undefined && !current.isStale) return current.loaded;
    const { promise, resolve } = Promise.withResolvers<T>();
    const load: Load<T> = { loaded: promise, isStale: false };
    this.#loads.set(key, load);
    resolve(this.#read(key, load, { read, keep }));
    return promise;
  }

  /** Says that what is being read may be old, since something else was written. */
  markStale(key: string): void {
    const load = this.#loads.get(key);
    if (load !== undefined) load.isStale = true;
  }

  async #read(
    key: string,
    load: Load<T>,
    { read, keep }: { readonly read: () => Promise<T>; readonly keep: (it: T) => void },
  ): Promise<T> {
    try {
      const it = await read();
      if (!load.isStale) keep(it);
      return it;
    } finally {
      if (this.#loads.get(key) === load) this.#loads.delete(key);
    }
  }
}
