/** The alignment of places, so that an array is aligned for every element type. */
const PLACE_ALIGN_BYTES = 4096;

interface Place {
  readonly offset: number;
  readonly end: number;
}

/**
 * The allocator of one file of a slab. It uses the lowest gap that is large enough, since memory
 * that was used before is several times faster than memory that the system must first provide. Only
 * taken places are kept; gaps are computed, so they never need to be merged. Twin of slab_space.py.
 */
export class SlabSpace {
  readonly bytes: number;
  /** The taken places, ordered by offset. They never overlap. */
  readonly #places: Place[] = [];

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** The number of taken places. */
  get count(): number {
    return this.#places.length;
  }

  /** Takes a place. Returns its offset, or undefined if no gap is large enough. */
  allocate(bytes: number): number | undefined {
    const needed = Math.max(1, Math.ceil(bytes / PLACE_ALIGN_BYTES)) * PLACE_ALIGN_BYTES;
    let offset = 0;
    let index = 0;
    for (const place of this.#places) {
      if (place.offset - offset >= needed) break;
      offset = place.end;
      index++;
    }
    if (this.bytes - offset < needed) return undefined;
    this.#places.splice(index, 0, { offset, end: offset + needed });
    return offset;
  }

  /**
   * Releases a place. Returns false if no taken place begins there, for example after a release.
   */
  release(offset: number): boolean {
    const index = this.#places.findIndex((it) => it.offset === offset);
    if (index < 0) return false;
    this.#places.splice(index, 1);
    return true;
  }
}
