const MAX_BUCKET = 512;

/**
 * A set of rows in a fixed order. Adding, removing and seeking cost about the square root of its
 * size at most, so it may hold a million rows. The fields of a row that `compare` reads must not
 * change while it is in the set, and no two rows may be equal.
 */
export class SortedRows<T> {
  /** Sorted rows in sorted buckets; none is empty, and none holds more than the limit. */
  readonly #buckets: T[][] = [];
  readonly #compare: (a: T, b: T) => number;
  #size = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#buckets[0]?.[0];
  }

  add(row: T): void {
    const isBehind = (it: T): boolean => this.#compare(it, row) >= 0;
    const at = Math.max(0, Math.min(this.#bucketWith(isBehind), this.#buckets.length - 1));
    const bucket = this.#buckets[at];
    this.#size++;
    if (bucket === undefined) return void this.#buckets.push([row]);
    bucket.splice(indexOfFirst(bucket, isBehind), 0, row);
    if (bucket.length <= MAX_BUCKET) return;
    // The last bucket is cut at its end, since most rows are added there.
    const cut = at === this.#buckets.length - 1 ? MAX_BUCKET - 1 : MAX_BUCKET / 2;
    this.#buckets.splice(at + 1, 0, bucket.splice(cut));
  }

  delete(row: T): boolean {
    const isBehind = (it: T): boolean => this.#compare(it, row) >= 0;
    const at = this.#bucketWith(isBehind);
    const bucket = this.#buckets[at];
    const index = bucket === undefined ? 0 : indexOfFirst(bucket, isBehind);
    if (bucket?.[index] !== row) return false;
    bucket.splice(index, 1);
    if (bucket.length === 0) this.#buckets.splice(at, 1);
    this.#size--;
    return true;
  }

  /**
   * Returns up to `limit` rows, from the first one for which `isBehind` returns true. It must
   * return true for all rows behind that one.
   */
  from(isBehind: (row: T) => boolean, limit: number): T[] {
    const found: T[] = [];
    let at = this.#bucketWith(isBehind);
    let index = indexOfFirst(this.#buckets[at] ?? [], isBehind);
    while (found.length < limit && at < this.#buckets.length) {
      found.push(...this.#buckets[at]?.slice(index, index + limit - found.length) ?? []);
      at++;
      index = 0;
    }
    return found;
  }

  /** Returns the number of rows before `row`, which need not be in the set; at most `max`. */
  countBefore(row: T, max: number): number {
    let count = 0;
    for (const bucket of this.#buckets) {
      const index = indexOfFirst(bucket, (it) => this.#compare(it, row) >= 0);
      count += index;
      if (index < bucket.length || count >= max) break;
    }
    return Math.min(count, max);
  }

  /** Returns the index of the first bucket that has a row behind, or the number of buckets. */
  #bucketWith(isBehind: (row: T) => boolean): number {
    return indexOfFirst(this.#buckets, (bucket) => {
      const last = bucket.at(-1);
      return last !== undefined && isBehind(last);
    });
  }
}

/** Returns the index of the first item that is behind; the length if none is. */
function indexOfFirst<T>(items: readonly T[], isBehind: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && isBehind(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}
