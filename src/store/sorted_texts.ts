import { checkLimit } from "./session_row.ts";

const MAX_BUCKET = 512;

/**
 * A set of texts in the order of their UTF-16 units. Adding, removing and seeking cost about the
 * square root of its size at most, so it may hold a million texts.
 */
export class SortedTexts {
  /** Sorted texts in sorted buckets; none is empty, and none holds more than the limit. */
  readonly #buckets: string[][] = [];

  add(text: string): void {
    const at = this.#bucketOf(text);
    const bucket = this.#buckets[at];
    if (bucket === undefined) return void this.#buckets.push([text]);
    const index = indexIn(bucket, text);
    if (bucket[index] === text) return;
    bucket.splice(index, 0, text);
    if (bucket.length > MAX_BUCKET) {
      this.#buckets.splice(at + 1, 0, bucket.splice(MAX_BUCKET / 2));
    }
  }

  delete(text: string): void {
    const at = this.#bucketOf(text);
    const bucket = this.#buckets[at];
    const index = bucket === undefined ? 0 : indexIn(bucket, text);
    if (bucket?.[index] !== text) return;
    bucket.splice(index, 1);
    if (bucket.length === 0) this.#buckets.splice(at, 1);
  }

  /** Returns up to `limit` texts that follow `text`; the first ones if it is undefined. */
  after(text: string | undefined, limit: number): string[] {
    const found: string[] = [];
    let at = text === undefined ? 0 : this.#bucketOf(text);
    let index = text === undefined ? 0 : indexIn(this.#buckets[at] ?? [], text);
    if (text !== undefined && this.#buckets[at]?.[index] === text) index++;
    while (found.length < limit && at < this.#buckets.length) {
      found.push(...this.#buckets[at]?.slice(index, index + limit - found.length) ?? []);
      at++;
      index = 0;
    }
    return found;
  }

  /** Returns the index of the last bucket that begins at or before a text; 0 if there is none. */
  #bucketOf(text: string): number {
    let [low, high] = [0, this.#buckets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#buckets[middle]?.[0] ?? "") <= text) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Returns the index of a text in a sorted list, or the one at which it belongs. */
function indexIn(texts: readonly string[], text: string): number {
  let [low, high] = [0, texts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((texts[middle] ?? "") < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows by name, which can be read in pages. */
export class NamedRows<T> {
  readonly #rows = new Map<string, T>();
  readonly #names = new SortedTexts();

  get(name: string): T | undefined {
    return this.#rows.get(name);
  }

  set(name: string, row: T): void {
    if (!this.#rows.has(name)) this.#names.add(name);
    this.#rows.set(name, row);
  }

  delete(name: string): boolean {
    this.#names.delete(name);
    return this.#rows.delete(name);
  }

  page(after: string | undefined, limit: number): Part<T> {
    const { items, next } = pageOf(this.#names, after, limit);
    return { items: items.flatMap((it) => this.#rows.get(it) ?? []), next };
  }
}

/** A part of a list, and the field with the cursor of the next one, if there is one. */
export interface Part<T> {
  readonly items: readonly T[];
  readonly next: { readonly next?: string };
}

/** Returns a page of texts. Its cursor is its last text. */
export function pageOf(texts: SortedTexts, after: string | undefined, limit: number): Part<string> {
  checkLimit(limit);
  const found = texts.after(after, limit + 1);
  if (found.length <= limit) return { items: found, next: {} };
  const items = found.slice(0, limit);
  return { items, next: { next: items.at(-1) ?? "" } };
}
