import { nextTurn } from "../async/mod.ts";
import { type MapItem, weightOf } from "./map_item.ts";

/** The items of a map, as its caller gives them. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** Options of an {@link ItemSource}. */
export interface ItemSourceOptions<T> {
  readonly items: Items<T>;
  /** Encodes an item; an item that cannot be encoded is its error. */
  readonly encode: (item: T) => MapItem;
  /** Called when there are further items, or none follow. */
  readonly onNews: () => void;
}

/** The bytes of items that are read ahead. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
/** The most that is read in one turn of the event loop. */
const ITEMS_PER_TURN = 2_000;
const BYTES_PER_TURN = 1024 * 1024;

/**
 * Reads the items of a map ahead of the workers, and no further than they need: an endless iterable
 * is read as far as its results are.
 */
export class ItemSource<T> {
  readonly #options: ItemSourceOptions<T>;
  readonly #ahead: MapItem[] = [];
  #from = 0;
  #bytes = 0;
  #iterator: Iterator<T> | AsyncIterator<T> | undefined;
  #wanted = 0;
  #isReading = false;
  #isSlow = false;
  #isWaiting = false;
  #slowTimer: ReturnType<typeof setTimeout> | undefined;
  #isAtEnd = false;
  #isLeft = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ItemSourceOptions<T>) {
    this.#options = options;
  }

  /** The number of items that were read and not taken. */
  get ready(): number {
    return this.#ahead.length - this.#from;
  }

  /** True if no further items come. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** True if the next item may be long in coming, so that none should wait for it. */
  get isSlow(): boolean {
    return this.#isSlow || this.#bytes >= MAX_AHEAD_BYTES;
  }

  /** The error that the iterable has thrown. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Reads until `count` items are ready. */
  want(count: number): void {
    this.#wanted = count;
    if (this.#isReading || this.#isAtEnd || !this.#hasRoom) return;
    this.#isReading = true;
    void this.#read();
  }

  /** Takes the next items that may travel together: one with an error comes alone. */
  take(count: number, maxBytes: number): MapItem[] {
    const taken: MapItem[] = [];
    let bytes = 0;
    while (taken.length < count && this.#from < this.#ahead.length && bytes < maxBytes) {
      const item = this.#ahead[this.#from] as MapItem;
      const isAlone = item instanceof Error;
      if (isAlone && taken.length > 0) break;
      this.#from++;
      taken.push(item);
      bytes += weightOf(item);
      if (isAlone) break;
    }
    this.#bytes -= bytes;
    if (this.#from === this.#ahead.length) {
      this.#ahead.length = 0;
      this.#from = 0;
    } else if (this.#from > 1_024) {
      this.#ahead.splice(0, this.#from);
      this.#from = 0;
    }
    return taken;
  }

  /** Lets the iterable end early. */
  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    clearTimeout(this.#slowTimer);
    if (this.#isAtEnd) return;
    this.#isAtEnd = true;
    const iterator = this.#iterator;
    if (iterator === undefined) return;
    // What it throws now concerns nobody.
    try {
      const left = iterator.return?.();
      if (left instanceof Promise) left.catch(() => {});
    } catch {
      // As above.
    }
  }

  get #hasRoom(): boolean {
    return this.ready < this.#wanted && this.#bytes < MAX_AHEAD_BYTES;
  }

  async #read(): Promise<void> {
    const { items } = this.#options;
    try {
      this.#iterator ??= iteratorOf(items);
      if (Symbol.asyncIterator in items) await this.#readAsync(this.#iterator);
      else await this.#readSync(this.#iterator as Iterator<T>);
    } catch (error) {
      if (!this.#isLeft) this.#failure = { error };
      this.#isAtEnd = true;
    }
    this.#isReading = false;
    this.#options.onNews();
  }

  async #readSync(iterator: Iterator<T>): Promise<void> {
    let [count, bytes] = [0, this.#bytes];
    while (this.#hasRoom && !this.#isLeft) {
      const step = iterator.next();
      if (step.done) {
        this.#isAtEnd = true;
        return;
      }
      this.#add(step.value);
      if (++count < ITEMS_PER_TURN && this.#bytes - bytes < BYTES_PER_TURN) continue;
      this.#options.onNews();
      await nextTurn();
      [count, bytes] = [0, this.#bytes];
    }
  }

  async #readAsync(iterator: Iterator<T> | AsyncIterator<T>): Promise<void> {
    while (this.#hasRoom && !this.#isLeft) {
      this.#isWaiting = true;
      // One timer for all items that come within a turn.
      this.#slowTimer ??= setTimeout(() => this.#onTurn());
      const step = await iterator.next();
      this.#isWaiting = this.#isSlow = false;
      if (step.done) {
        this.#isAtEnd = true;
        return;
      }
      if (!this.#isLeft) this.#add(step.value);
    }
  }

  /** Notes that the next item has not come in this turn: those that are ready need not wait. */
  #onTurn(): void {
    this.#slowTimer = undefined;
    if (!this.#isWaiting || this.#isLeft) return;
    this.#isSlow = true;
    this.#options.onNews();
  }

  #add(item: T): void {
    const encoded = this.#options.encode(item);
    this.#ahead.push(encoded);
    this.#bytes += weightOf(encoded);
  }
}

function iteratorOf<T>(items: Items<T>): Iterator<T> | AsyncIterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}
