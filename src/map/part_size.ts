/** The time that a part of a batch should take in its worker, in milliseconds. */
const PART_MS = 20;
const MAX_ITEMS = 5_000;
/** The bytes of items behind which a part takes no further one. */
export const MAX_PART_BYTES: number = 256 * 1024;
/** A part has at most so many times the items of the one before. */
const GROWTH = 4;
const WEIGHT = 0.3;

/**
 * Decides how many items go to a worker together: so many that it is busy for about 20 ms, so that
 * neither the way to it is long compared with the work, nor other calls of the pool wait for long.
 */
export class PartSize {
  #itemMs: number | undefined;
  #last = 1;

  /** The number of items of the next part. */
  get items(): number {
    if (this.#itemMs === undefined) return 1;
    const wanted = Math.floor(PART_MS / Math.max(this.#itemMs, 0.001));
    return Math.max(1, Math.min(wanted, GROWTH * this.#last, MAX_ITEMS));
  }

  /** Notes the time that items have taken. */
  ran(items: number, runMs: number): void {
    if (items === 0) return;
    const itemMs = runMs / items;
    this.#last = items;
    // A slow part counts at once, since the next one would be as slow.
    this.#itemMs = this.#itemMs === undefined || itemMs > 2 * this.#itemMs
      ? itemMs
      : this.#itemMs + WEIGHT * (itemMs - this.#itemMs);
  }
}
