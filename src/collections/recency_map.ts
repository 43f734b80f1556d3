interface Entry<V> {
  readonly key: string;
  value: V;
  older: Entry<V> | undefined;
  newer: Entry<V> | undefined;
}

/**
 * A map in the order of the last use of its entries. Every operation takes constant time. In a
 * `Map`, finding the first entry does not: each one that was removed before it is a hole that the
 * search steps over, and a cache makes tens of thousands of them.
 */
export class RecencyMap<V> implements Iterable<readonly [string, V]> {
  readonly #entries = new Map<string, Entry<V>>();
  #oldest: Entry<V> | undefined;
  #newest: Entry<V> | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** The entry that was used longest ago. */
  get oldest(): readonly [string, V] | undefined {
    return this.#oldest && [this.#oldest.key, this.#oldest.value];
  }

  /** Returns a value, and leaves the order as it is. */
  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Returns a value, which counts as its use. */
  use(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#renew(entry);
    return entry?.value;
  }

  /** Sets a value, which counts as its use. */
  set(key: string, value: V): void {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      known.value = value;
      return this.#renew(known);
    }
    const entry = { key, value, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#append(entry);
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#unlink(entry);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = undefined;
    this.#newest = undefined;
  }

  /** Iterates from the oldest to the newest entry. */
  *[Symbol.iterator](): Generator<readonly [string, V]> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) {
      yield [entry.key, entry.value];
    }
  }

  #renew(entry: Entry<V>): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  #append(entry: Entry<V>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink({ older, newer }: Entry<V>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
