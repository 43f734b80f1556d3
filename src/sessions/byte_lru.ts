import { RecencyMap } from "../collections/mod.ts";

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
}

/** A cache that keeps the entries that were used last, up to a number of bytes. */
export class ByteLru<V extends object> {
  readonly #entries = new RecencyMap<Entry<V>>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** The bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): V | undefined {
    return this.#entries.use(key)?.value;
  }

  /** Sets an entry. One that is larger than the cache is not kept. */
  set(key: string, value: V, bytes: number): void {
    this.delete(key);
    if (bytes > this.#maxBytes) return;
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#entries.oldest !== undefined) {
      this.delete(this.#entries.oldest[0]);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
