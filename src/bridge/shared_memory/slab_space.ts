/**
 * Places begin at a multiple of this, so that an array in one is aligned for every element type.
 */
const PLACE_ALIGN_BYTES = 4096;

interface Place {
  readonly offset: number;
  readonly end: number;
}

/**
 * The parts of a slab that are taken. The lowest gap that is large enough is used, because memory
 * that was used before is several times faster than memory that the system has yet to find. What is
 * free is what lies between the places, so there is nothing to join. Twin of slab_space.py.
 */
export class SlabSpace {
  readonly bytes: number;
  /** Ordered by offset; they never overlap. */
  readonly #places: Place[] = [];

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** How many places are taken. */
  get count(): number {
    return this.#places.length;
  }

  /** Takes a place; returns its offset, or undefined when no gap is large enough. */
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
   * Gives a place back; false when no place begins there, such as one that was given back before.
   */
  release(offset: number): boolean {
    const index = this.#places.findIndex((it) => it.offset === offset);
    if (index < 0) return false;
    this.#places.splice(index, 1);
    return true;
  }
}
