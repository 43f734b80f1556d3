import { RecencyMap } from "../../collections/mod.ts";

/** The rows kept in memory after they were applied. */
const KEPT = { rows: 20_000, bytes: 8 * 2 ** 20 } as const;

/** Rows as they are in KV; the one that was applied first goes first. */
export class KeptRows {
  readonly #rows = new RecencyMap<Uint8Array>();
  #bytes = 0;

  get(id: string): Uint8Array | undefined {
    return this.#rows.get(id);
  }

  /** Keeps a row, or forgets one that was removed. */
  set(id: string, value: Uint8Array | undefined): void {
    this.#delete(id);
    if (value === undefined) return;
    this.#rows.set(id, value);
    this.#bytes += value.byteLength;
    while (this.#rows.size > KEPT.rows || this.#bytes > KEPT.bytes) {
      this.#delete(this.#rows.oldest?.[0] ?? id);
    }
  }

  #delete(id: string): void {
    this.#bytes -= this.#rows.get(id)?.byteLength ?? 0;
    this.#rows.delete(id);
  }
}
