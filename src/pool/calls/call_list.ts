/** An entry of a {@link CallList}. Its fields belong to the one list that holds it. */
export interface Listed {
  queueList?: object | undefined;
  queuePrevious?: Listed | undefined;
  queueNext?: Listed | undefined;
}

/**
 * A list that is linked through its own entries, so that an entry can leave the middle at no cost.
 */
export class CallList<T extends Listed> {
  #head: T | undefined;
  #tail: T | undefined;
  #size = 0;

  /** The first entry. */
  get head(): T | undefined {
    return this.#head;
  }

  /** The last entry. */
  get tail(): T | undefined {
    return this.#tail;
  }

  /** All entries, in order. */
  get entries(): readonly T[] {
    const entries: T[] = [];
    for (let entry = this.#head; entry !== undefined; entry = entry.queueNext as T | undefined) {
      entries.push(entry);
    }
    return entries;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns the first entry that `accepts` returns true for. */
  find(accepts: (entry: T) => boolean): T | undefined {
    let entry = this.#head;
    while (entry !== undefined && !accepts(entry)) entry = entry.queueNext as T | undefined;
    return entry;
  }

  push(entry: T): void {
    this.insert(entry, undefined);
  }

  /** Puts an entry before another one, or at the end. */
  insert(entry: T, next: T | undefined): void {
    const previous = next === undefined ? this.#tail : next.queuePrevious as T | undefined;
    entry.queueList = this;
    entry.queuePrevious = previous;
    entry.queueNext = next;
    if (previous === undefined) this.#head = entry;
    else previous.queueNext = entry;
    if (next === undefined) this.#tail = entry;
    else next.queuePrevious = entry;
    this.#size++;
  }

  /** Takes out an entry, wherever it stands; returns false if it is not in this list. */
  remove(entry: T): boolean {
    if (entry.queueList !== this) return false;
    const previous = entry.queuePrevious as T | undefined;
    const next = entry.queueNext as T | undefined;
    if (previous === undefined) this.#head = next;
    else previous.queueNext = next;
    if (next === undefined) this.#tail = previous;
    else next.queuePrevious = previous;
    entry.queueList = entry.queuePrevious = entry.queueNext = undefined;
    this.#size--;
    return true;
  }

  /** Takes out all entries, and returns them in order. */
  drain(): T[] {
    const entries: T[] = [];
    for (let entry = this.#head; entry !== undefined; entry = this.#head) {
      this.remove(entry);
      entries.push(entry);
    }
    return entries;
  }
}
