/** The number of cells: a power of two, and several times the entries that a worker can have. */
const CELLS = 1024;

/**
 * What is open by id, such as the calls of a link: one entry each. Ids rise by one, so an entry
 * finds its cell free, unless one that is a thousand ids older is still open. It then goes into a
 * Map.
 *
 * A Map alone would do, but one that is filled and emptied with each call is rehashed all the time,
 * and its old tables keep answered calls alive through many garbage collections.
 */
export class IdCells<T> {
  readonly #ids = new Uint32Array(CELLS);
  readonly #entries: (T | undefined)[] = new Array<T | undefined>(CELLS).fill(undefined);
  readonly #others = new Map<number, T>();

  /** Adds an entry, or replaces it. `id` is greater than 0. */
  set(id: number, entry: T): void {
    const at = id & (CELLS - 1);
    const owner = this.#ids[at];
    if (owner !== 0 && owner !== id) {
      this.#others.set(id, entry);
      return;
    }
    if (this.#others.size > 0) this.#others.delete(id);
    this.#ids[at] = id;
    this.#entries[at] = entry;
  }

  get(id: number): T | undefined {
    const at = id & (CELLS - 1);
    if (id !== 0 && this.#ids[at] === id) return this.#entries[at];
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** Returns all entries, in no order. */
  values(): T[] {
    const found = [...this.#others.values()];
    for (const it of this.#entries) if (it !== undefined) found.push(it);
    return found;
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  delete(id: number): void {
    const at = id & (CELLS - 1);
    if (this.#ids[at] !== id) {
      if (this.#others.size > 0) this.#others.delete(id);
      return;
    }
    this.#ids[at] = 0;
    this.#entries[at] = undefined;
  }

  clear(): void {
    this.#ids.fill(0);
    this.#entries.fill(undefined);
    this.#others.clear();
  }
}
