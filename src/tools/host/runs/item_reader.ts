import { nextTurn } from "../../../async/mod.ts";
import { type AnyIterator, isThenable } from "./thenable.ts";

/** The most items of a batch. */
export const MAX_BATCH_ITEMS = 1_000;
/** The bytes of items with which a batch takes no further ones. */
export const MAX_BATCH_BYTES = 262_144;
/** The longest time of a batch of items that are ready, so that others have their turn. */
const MAX_BATCH_MS = 5;
/** The microtasks after which an item that is not there counts as not ready. */
const READY_MICROTASKS = 8;

/** Items that a generator has yielded. */
export interface Batch {
  readonly items: readonly unknown[];
  /** The size of the items, as an estimate. */
  readonly bytes: number;
  /** True if the generator has returned. */
  readonly done: boolean;
  /** The value that it returned. */
  readonly result?: unknown;
}

/** An item that was checked, with its size. */
export interface CheckedItem {
  readonly value: unknown;
  readonly bytes: number;
}

/** Options of an {@link ItemReader}. */
export interface ItemReaderOptions {
  /** Runs a step of the generator in its context. */
  readonly within: <T>(step: () => T) => T;
  /** Checks an item; what it throws ends the stream. */
  readonly check: (item: unknown) => CheckedItem | Promise<CheckedItem>;
  /** Returns the time. */
  readonly now: () => number;
}

/**
 * Reads a generator in batches. It takes a step only while somebody waits for a batch that has
 * room, so one item at most is made ahead. A batch has all items that are ready, and at least one.
 */
export class ItemReader {
  readonly #iterator: AnyIterator;
  readonly #options: ItemReaderOptions;
  #items: unknown[] = [];
  #bytes = 0;
  #maxBytes = MAX_BATCH_BYTES;
  #end: { readonly result: unknown } | { readonly error: unknown } | undefined;
  #isClosed = false;
  #isWanted = false;
  #isPumping = false;
  #wake: (() => void) | undefined;

  constructor(iterator: AnyIterator, options: ItemReaderOptions) {
    this.#iterator = iterator;
    this.#options = options;
  }

  /**
   * Returns the next items. May not be called again before it has settled.
   *
   * @param maxBytes The bytes of items with which the batch takes no further ones.
   * @throws What the generator threw, after the items before it.
   */
  async next(maxBytes: number = MAX_BATCH_BYTES): Promise<Batch> {
    this.#isWanted = true;
    this.#maxBytes = maxBytes;
    const until = this.#options.now() + MAX_BATCH_MS;
    void this.#pump(until);
    while (this.#items.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    await this.#gather(until);
    this.#isWanted = false;
    const [items, bytes] = [this.#items, this.#bytes];
    this.#items = [];
    this.#bytes = 0;
    if (this.#end === undefined) return { items, bytes, done: false };
    if ("result" in this.#end) return { items, bytes, done: true, result: this.#end.result };
    if (items.length === 0) throw this.#end.error;
    return { items, bytes, done: false };
  }

  /** Ends the generator, whose `finally` runs, and drops what was not read. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#items = [];
    if (this.#end !== undefined) return;
    this.#end = { result: undefined };
    this.#notify();
    this.#return();
  }

  get #isFull(): boolean {
    return this.#items.length >= MAX_BATCH_ITEMS || this.#bytes >= this.#maxBytes;
  }

  #return(): void {
    try {
      const returned: unknown = this.#options.within(() => this.#iterator.return?.());
      // It has no caller any more who could be told.
      if (isThenable(returned)) returned.then(undefined, () => {});
    } catch {
      // The generator is running, or its `finally` has failed.
    }
  }

  /** Waits for the items that need no more than microtasks. */
  async #gather(until: number): Promise<void> {
    let seen = -1;
    while (this.#end === undefined && !this.#isFull && this.#items.length > seen) {
      seen = this.#items.length;
      if (this.#options.now() > until) return;
      for (let i = 0; i < READY_MICROTASKS; i++) await undefined;
    }
  }

  /** Takes steps while they are wanted. */
  async #pump(until: number): Promise<void> {
    if (this.#isPumping || this.#end !== undefined) return;
    this.#isPumping = true;
    let turnUntil = until;
    try {
      while (this.#isWanted && !this.#isFull && !this.#isClosed) {
        const made: unknown = this.#options.within(() => this.#iterator.next());
        const step = (isThenable(made) ? await made : made) as IteratorResult<unknown>;
        const value: unknown = isThenable(step.value) ? await step.value : step.value;
        if (this.#isClosed) break;
        if (step.done === true) {
          this.#end = { result: value };
          break;
        }
        const checked = this.#options.check(value);
        const { value: item, bytes } = isThenable(checked) ? await checked : checked;
        if (this.#isClosed) break;
        this.#items.push(item);
        this.#bytes += bytes;
        this.#notify();
        if (this.#options.now() <= turnUntil) continue;
        await nextTurn();
        turnUntil = this.#options.now() + MAX_BATCH_MS;
      }
    } catch (error) {
      if (!this.#isClosed) {
        this.#end = { error };
        // A generator that threw is over, but not one whose item was refused.
        this.#return();
      }
    } finally {
      this.#isPumping = false;
      this.#notify();
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
