/** Counts what has begun and not ended, by name. */
export class OpenWork {
  readonly #counts = new Map<string, number>();

  /** Returns the counts that are not 0. */
  get counts(): Record<string, number> {
    return Object.fromEntries([...this.#counts].filter(([, count]) => count !== 0));
  }

  began(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  ended(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) - 1);
  }

  /** Counts as open until `work` has settled. */
  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.began(name);
    try {
      return await work();
    } finally {
      this.ended(name);
    }
  }

  /** Counts as open from the first item to the end. */
  async *reading<T>(name: string, items: AsyncIterable<T>): AsyncGenerator<T> {
    this.began(name);
    try {
      yield* items;
    } finally {
      this.ended(name);
    }
  }
}
