/** Events that were written together. Only an entry of one part may have several events. */
export interface ReplayEntry {
  /** The number of its first event. */
  readonly firstId: number;
  /** The end of each event in the bytes of the entry. */
  readonly ends: readonly number[];
  readonly parts: readonly Uint8Array[];
  /** The room that it takes, which is free again once the entry is dropped. */
  readonly room: Disposable;
}

/** Bytes of a stream, and the number of the last event in them. */
export interface ReplayedBytes {
  readonly lastId: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * The last events of a stream, as they were written, in order and without a gap. Whoever has read
 * up to some event gets the bytes after it, if they are still there.
 */
export class ReplayBuffer {
  #entries: ReplayEntry[] = [];
  /** The number of entries at the beginning that were dropped. */
  #head = 0;
  #bytes = 0;
  /** All events up to this one were dropped. */
  #dropped = 0;
  #lastId = 0;

  /** The bytes of the events that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the newest event; 0 before the first one. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Adds the events that follow the newest one. */
  push(entry: ReplayEntry): void {
    this.#entries.push(entry);
    this.#lastId = lastOf(entry);
    this.#bytes += bytesOf(entry);
  }

  /** Returns true if no event after this one was dropped, and it is not a later one. */
  reaches(id: number): boolean {
    return id >= this.#dropped && id <= this.#lastId;
  }

  /**
   * Returns bytes that begin with the event after `id`, which {@link ReplayBuffer.reaches} must
   * accept; undefined if there is none yet.
   */
  after(id: number): ReplayedBytes | undefined {
    const entry = this.#entries[this.#indexAfter(id)];
    if (entry === undefined) return undefined;
    const { firstId, ends, parts } = entry;
    const [part] = parts;
    const lastId = lastOf(entry);
    if (id < firstId || part === undefined) return { lastId, parts };
    return { lastId, parts: [part.subarray(ends[id - firstId])] };
  }

  /** Returns the bytes of the entries that have events after `id`. */
  bytesAfter(id: number): number {
    let bytes = 0;
    for (let at = this.#indexAfter(id); at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry !== undefined) bytes += bytesOf(entry);
    }
    return bytes;
  }

  /** Drops the oldest entries with no event after `id`, until at most `maxBytes` are kept. */
  trim(maxBytes: number, id: number): void {
    for (let entry = this.#entries[this.#head]; entry; entry = this.#entries[this.#head]) {
      if (this.#bytes <= maxBytes || lastOf(entry) > id) break;
      this.#bytes -= bytesOf(entry);
      this.#dropped = lastOf(entry);
      entry.room[Symbol.dispose]();
      this.#head++;
    }
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Drops everything. */
  clear(): void {
    this.trim(-1, this.#lastId);
    this.#entries = [];
    this.#head = 0;
  }

  /** Returns the index of the first entry that has an event after `id`. */
  #indexAfter(id: number): number {
    let [low, high] = [this.#head, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && lastOf(entry) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lastOf({ firstId, ends }: ReplayEntry): number {
  return firstId + ends.length - 1;
}

function bytesOf({ ends }: ReplayEntry): number {
  return ends.at(-1) ?? 0;
}
