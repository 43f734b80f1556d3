import { Buffer } from "node:buffer";
import { memberOf, rangesOf, type Reached } from "./checkpoint.ts";
import type { Place } from "./inputs/mod.ts";
import type { BatchItem, ItemFeed } from "./item_feed.ts";

/** The most bytes of items that are read ahead, and those that each takes besides its own. */
const AHEAD_BYTES = 4 * 1024 * 1024;
const ITEM_OVERHEAD = 200;
/** The most items that wait for another attempt; then no further ones are read or sent. */
const MAX_WAITING = 1_000;

/** An item that waits for its next attempt. */
interface Retry {
  readonly item: BatchItem;
  readonly dueAt: number;
}

/**
 * The items of a batch that have not ended: those that were read ahead, run, or wait for another
 * attempt. What has ended follows from them, so that little need be kept of a long batch.
 */
export class OpenItems {
  readonly #feed: ItemFeed;
  /**
   * The places of all of them by index, in the order in which they were read. Not the items: the
   * old tables of a Map keep what it had through many garbage collections.
   */
  readonly #open = new Map<number, Place>();
  readonly #attempts: Map<number, number>;
  /** Those to send next; the first ones at the end. */
  #again: BatchItem[] = [];
  #ahead: BatchItem[] = [];
  #aheadAt = 0;
  #aheadBytes = 0;
  readonly #retries: Retry[] = [];
  readonly #earlier: Reached;
  readonly #wasOpen: (index: number) => boolean;
  #isAtEnd = false;
  done: number;
  failed: number;

  constructor(feed: ItemFeed, reached: Reached) {
    this.#feed = feed;
    this.#attempts = new Map(reached.attempts);
    this.#earlier = reached;
    this.#wasOpen = memberOf(reached.open);
    this.done = reached.done;
    this.failed = reached.failed;
  }

  /** True if all items have ended. */
  get areOver(): boolean {
    return this.#isAtEnd && this.#open.size === 0;
  }

  /**
   * Returns true if more items should be read, so that `count` of them are ready. Items that are
   * read long before they are sent grow old, and only a full garbage collection frees them.
   */
  wantMore(count: number): boolean {
    if (this.#isAtEnd || this.#isWaiting) return false;
    return this.#aheadBytes < AHEAD_BYTES && this.ready < count;
  }

  /** The number of items that can be sent now. */
  get ready(): number {
    return this.#again.length + (this.#isWaiting ? 0 : this.#ahead.length - this.#aheadAt);
  }

  /** True if no further items are read. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Reads further items. Those that have ended in an earlier start are left out. */
  async read(): Promise<void> {
    const items = await this.#feed.read();
    if (items === undefined) {
      this.#isAtEnd = true;
      return;
    }
    if (this.#aheadAt > 0) this.#ahead = this.#ahead.slice(this.#aheadAt);
    this.#aheadAt = 0;
    for (const item of items) {
      if (item.index < this.#earlier.next && !this.#wasOpen(item.index)) continue;
      this.#open.set(item.index, item.place);
      this.#ahead.push(item);
      this.#aheadBytes += item.weight + ITEM_OVERHEAD;
    }
  }

  /**
   * Takes the next items to send. One that has failed before comes alone: if it ends its worker
   * again, the results of no others are lost with it.
   */
  take(count: number, maxBytes: number): BatchItem[] {
    const items: BatchItem[] = [];
    let bytes = 0;
    while (items.length < count && bytes < maxBytes) {
      const item = this.#again.pop() ?? this.#fromAhead();
      if (item === undefined) break;
      const isAlone = this.#attempts.has(item.index);
      if (isAlone && items.length > 0) {
        this.#again.push(item);
        break;
      }
      items.push(item);
      bytes += item.weight;
      if (isAlone) break;
    }
    return items;
  }

  /** Puts items back that were taken, and have not run. */
  putBack(items: readonly BatchItem[]): void {
    this.#again.push(...items.toReversed());
  }

  /** Notes that an item has ended. */
  ended({ index }: BatchItem, isFailed: boolean): void {
    this.#open.delete(index);
    if (this.#attempts.size > 0) this.#attempts.delete(index);
    this.done++;
    if (isFailed) this.failed++;
  }

  /** Counts an attempt of an item that has failed. Returns the number of its attempts. */
  attempted({ index }: BatchItem): number {
    const attempts = (this.#attempts.get(index) ?? 0) + 1;
    this.#attempts.set(index, attempts);
    return attempts;
  }

  /** Notes that an item is to run again at a time. */
  retryAt(item: BatchItem, dueAt: number): void {
    const at = this.#retries.findLastIndex((it) => it.dueAt <= dueAt);
    const { args } = item;
    // A slice of a text keeps all of it: the block of the file that the item was read from.
    const own = typeof args === "string" ? { ...item, args: copyOfText(args) } : item;
    this.#retries.splice(at + 1, 0, { item: own, dueAt });
  }

  /** Makes items ready whose time has come. Returns the time of the next one, if there is one. */
  takeDue(now: number): number | undefined {
    const count = this.#retries.findIndex((it) => it.dueAt > now);
    const due = this.#retries.splice(0, count < 0 ? this.#retries.length : count);
    if (due.length > 0) this.putBack(due.map(({ item }) => item));
    return this.#retries[0]?.dueAt;
  }

  /** The place that was reached. */
  get reached(): Reached {
    const [first] = this.#open;
    const { next, place } = this.#feed;
    // Those of an earlier start that were not read again are still open.
    const unread = this.#earlier.open
      .filter(([, to]) => to > next)
      .map(([from, to]): [number, number] => [Math.max(from, next), to]);
    return {
      low: first?.[0] ?? next,
      place: first?.[1] ?? place,
      next: Math.max(next, this.#earlier.next),
      open: [...rangesOf(this.#open.keys()), ...unread],
      attempts: [...this.#attempts],
      done: this.done,
      failed: this.failed,
    };
  }

  /** True if so many items wait for another attempt that no others should run. */
  get #isWaiting(): boolean {
    return this.#retries.length >= MAX_WAITING;
  }

  #fromAhead(): BatchItem | undefined {
    const item = this.#isWaiting ? undefined : this.#ahead[this.#aheadAt];
    if (item === undefined) return undefined;
    this.#aheadAt++;
    this.#aheadBytes -= item.weight + ITEM_OVERHEAD;
    return item;
  }
}

/** Returns an equal text that shares no memory with another one. */
function copyOfText(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
