import { CallList, type Listed } from "./call_list.ts";

/** The lowest and the highest priority of a call; a higher one goes first. */
export const PRIORITY_RANGE: { readonly min: number; readonly max: number } = { min: -10, max: 10 };

/** An entry of a {@link CallQueue}. */
export interface Queued extends Listed {
  readonly priority: number;
  /** Its place among the entries of its priority, which are pushed in rising order. */
  readonly sequence: number;
}

/** Returns true if an entry is taken out of its queue before another one of another queue. */
export function goesBefore(entry: Queued, other: Queued): boolean {
  if (entry.priority !== other.priority) return entry.priority > other.priority;
  return entry.sequence < other.sequence;
}

/** A queue by priority. Within a priority, the first one in is the first one out. */
export class CallQueue<T extends Queued> {
  readonly #lanes: CallList<T>[] = Array.from(
    { length: PRIORITY_RANGE.max - PRIORITY_RANGE.min + 1 },
    () => new CallList<T>(),
  );
  #size = 0;
  /** No lane above this one holds anything. */
  #top = 0;

  get size(): number {
    return this.#size;
  }

  /** Appends behind the others of its priority. */
  push(entry: T): void {
    this.#insert(entry, undefined);
  }

  /** The oldest entry of the highest priority; undefined if there is none. */
  get first(): T | undefined {
    if (this.#size === 0) return undefined;
    for (; this.#top >= 0; this.#top--) {
      const head = this.#lanes[this.#top]?.head;
      if (head !== undefined) return head;
    }
    return undefined;
  }

  /** All entries, in the order in which they would be taken out. */
  get entries(): readonly T[] {
    return this.#lanes.toReversed().flatMap((lane) => lane.entries);
  }

  /** Puts an entry back to its old place, before all entries that were pushed after it. */
  putBack(entry: T): void {
    const { head, tail } = this.#laneOf(entry);
    if (tail === undefined || tail.sequence < entry.sequence) return this.push(entry);
    let next = head;
    while (next !== undefined && next.sequence < entry.sequence) {
      next = next.queueNext as T | undefined;
    }
    this.#insert(entry, next);
  }

  /** Takes out the oldest entry of the highest priority; returns undefined if there is none. */
  shift(): T | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /**
   * Returns the first entry, by priority and age, that `accepts` returns true for. Looks at all
   * entries before it.
   */
  find(accepts: (entry: T) => boolean): T | undefined {
    for (let lane = this.#lanes.length - 1; lane >= 0; lane--) {
      const entry = this.#lanes[lane]?.find(accepts);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Takes out an entry, wherever it stands; returns false if it was not waiting. */
  remove(entry: T): boolean {
    if (!this.#laneOf(entry).remove(entry)) return false;
    this.#size--;
    return true;
  }

  #insert(entry: T, next: T | undefined): void {
    this.#laneOf(entry).insert(entry, next);
    this.#size++;
    this.#top = Math.max(this.#top, entry.priority - PRIORITY_RANGE.min);
  }

  #laneOf(entry: T): CallList<T> {
    const lane = this.#lanes[entry.priority - PRIORITY_RANGE.min];
    if (lane === undefined) {
      throw new RangeError(
        `Cannot queue a call of priority ${entry.priority}: ` +
          `allowed are whole numbers from ${PRIORITY_RANGE.min} to ${PRIORITY_RANGE.max}`,
      );
    }
    return lane;
  }
}
