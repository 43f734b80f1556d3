/** Lowest and highest priority of a call; higher goes first. */
export const PRIORITY_RANGE: { readonly min: number; readonly max: number } = { min: -10, max: 10 };

/** What can wait in a {@link CallQueue}. The links belong to the queue. */
export interface Queued {
  readonly priority: number;
  queuePrevious?: Queued | undefined;
  queueNext?: Queued | undefined;
}

interface Lane<T> {
  head: T | undefined;
  tail: T | undefined;
}

/**
 * First in, first out within a priority. Entries are linked through themselves, so that one that leaves the middle costs
 * nothing and leaves nothing behind.
 */
export class CallQueue<T extends Queued> {
  readonly #lanes: Lane<T>[] = Array.from(
    { length: PRIORITY_RANGE.max - PRIORITY_RANGE.min + 1 },
    () => ({ head: undefined, tail: undefined }),
  );
  readonly #members = new Set<T>();

  get size(): number {
    return this.#members.size;
  }

  /** Appends behind the others of its priority. */
  push(entry: T): void {
    const lane = this.#laneOf(entry);
    entry.queuePrevious = lane.tail;
    entry.queueNext = undefined;
    if (lane.tail) lane.tail.queueNext = entry;
    else lane.head = entry;
    lane.tail = entry;
    this.#members.add(entry);
  }

  /** Takes the oldest entry of the highest priority, or undefined. */
  shift(): T | undefined {
    if (this.#members.size === 0) return undefined;
    for (let i = this.#lanes.length - 1; i >= 0; i--) {
      const head = this.#lanes[i]?.head;
      if (head !== undefined) {
        this.remove(head);
        return head;
      }
    }
    return undefined;
  }

  /** Takes an entry out wherever it stands; false when it was not waiting. */
  remove(entry: T): boolean {
    if (!this.#members.delete(entry)) return false;
    const lane = this.#laneOf(entry);
    const previous = entry.queuePrevious as T | undefined;
    const next = entry.queueNext as T | undefined;
    if (previous) previous.queueNext = next;
    else lane.head = next;
    if (next) next.queuePrevious = previous;
    else lane.tail = previous;
    entry.queuePrevious = entry.queueNext = undefined;
    return true;
  }

  #laneOf(entry: T): Lane<T> {
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
