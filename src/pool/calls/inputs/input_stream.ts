import { type InputSource, type Value, ValueList } from "../../../bridge/mod.ts";
import { messageOf, SnakedenError } from "../../../errors.ts";
import { type Puller, pullerOf } from "./puller.ts";

/** Bounds on the input streams of a call. */
export interface InputLimits {
  /** The weight of items that may be read ahead of the tool. */
  readonly streamWindowBytes: number;
  /** Levels of nesting in an item. */
  readonly maxDepth: number;
}

/** The most items of one answer. */
const MAX_BATCH_ITEMS = 1_000;
/** The weight from which an answer takes no further item. */
const MAX_BATCH_BYTES = 262_144;
/** The most items that are read ahead: one answer, and the next one. */
const MAX_AHEAD_ITEMS = 2 * MAX_BATCH_ITEMS;

/**
 * The turns of the microtask queue that an item which is ready may need to pass through the
 * iterators around its source.
 */
const READY_TURNS = 16;

/** The end of a source. */
type End = "done" | "closed" | { readonly error: unknown };

/**
 * One input stream of a call. It begins to read its source when the tool asks for the first item,
 * and then reads ahead of the tool, up to {@link InputLimits.streamWindowBytes}. So a slow tool
 * makes the source pause.
 *
 * It is `unread` until the tool asks, then `open` until its end: `done` when the source has no more
 * items, `closed` when nobody wants the rest, or the error of the source. Items that were read
 * before the end of the source are still answered; those before a close are dropped.
 */
export class InputStream {
  readonly #path: string;
  readonly #limits: InputLimits;
  readonly #puller: Puller;
  /** Items that were read ahead; all lists but the last one are full. */
  #lists: ValueList[] = [];
  #aheadItems = 0;
  #aheadBytes = 0;
  #items = 0;
  #end: End | undefined;
  #isRead = false;
  #isPumping = false;
  #isAsked = false;
  #wake: (() => void) | undefined;
  /** The error of an ask after the stream was closed; undefined if that is the end of the items. */
  #closedBy: SnakedenError | undefined;

  /** @param path The place of the stream in the arguments, such as `args.rows`. */
  constructor(source: InputSource, path: string, limits: InputLimits) {
    this.#puller = pullerOf(source);
    this.#path = path;
    this.#limits = limits;
  }

  get path(): string {
    return this.#path;
  }

  /** True once its source was asked for an item, which it gives only once. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** The error with which the source has ended, if it has. */
  get failure(): { readonly error: unknown } | undefined {
    return typeof this.#end === "object" ? this.#end : undefined;
  }

  /**
   * Waits for an item; returns `{items, done}` with all items that are ready.
   *
   * @throws {SnakedenError} The error of the source, once the items before it were returned.
   */
  async next(): Promise<Value> {
    if (this.#isAsked) {
      throw new SnakedenError("invalid_input", `Cannot read ${this.#path}: it is being read`);
    }
    this.#isAsked = true;
    try {
      if (this.#end === undefined) await this.#gather();
      return this.#take();
    } finally {
      this.#isAsked = false;
    }
  }

  /**
   * Closes the source, and drops what was read ahead. Whoever waits is answered, with `error` or
   * with the end of the stream. Never waits for the source.
   */
  close(error?: SnakedenError): void {
    if (this.#end === "closed") return;
    const wasOpen = this.#end === undefined;
    this.#end = typeof this.#end === "object" ? this.#end : "closed";
    this.#closedBy = error;
    this.#lists = [];
    this.#notify();
    if (wasOpen) this.#puller.close();
  }

  /** Waits until there is an item or an end, and then for items that come at once. */
  async #gather(): Promise<void> {
    this.#isRead = true;
    void this.#pump();
    while (this.#aheadItems === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    let seen = -1;
    while (seen !== this.#items && this.#end === undefined && this.#lists.length < 2) {
      seen = this.#items;
      for (let turn = 0; turn < READY_TURNS; turn++) await null;
    }
  }

  #take(): Value {
    const list = this.#lists.shift() ?? new ValueList();
    this.#aheadItems -= list.length;
    this.#aheadBytes -= list.weight;
    const isLast = this.#lists.length === 0 && this.#end !== undefined;
    if (isLast && list.length === 0) {
      if (typeof this.#end === "object") throw this.#shown(this.#end.error);
      if (this.#closedBy !== undefined) throw this.#closedBy;
    }
    if (this.#end === undefined) void this.#pump();
    const done = isLast && typeof this.#end !== "object";
    return list.inObject("items", { done });
  }

  /** Reads the source while there is room ahead of the tool. */
  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#hasRoom) {
        const { done, value } = await this.#puller.next();
        if (this.#end !== undefined) return;
        if (done) this.#end = "done";
        else this.#add(value);
        this.#notify();
      }
    } catch (error) {
      this.#end ??= { error };
      this.#notify();
    } finally {
      this.#isPumping = false;
    }
  }

  get #hasRoom(): boolean {
    return this.#end === undefined && this.#aheadItems < MAX_AHEAD_ITEMS &&
      this.#aheadBytes < this.#limits.streamWindowBytes;
  }

  #add(item: unknown): void {
    let list = this.#lists.at(-1);
    if (list === undefined || list.length >= MAX_BATCH_ITEMS || list.weight >= MAX_BATCH_BYTES) {
      this.#lists.push(list = new ValueList());
    }
    const before = list.weight;
    try {
      list.add(item ?? null, {
        maxDepth: this.#limits.maxDepth,
        name: `${this.#path}[${this.#items}]`,
      });
    } catch (error) {
      // The source is fine, and would go on.
      this.#end = { error };
      this.#puller.close();
      return;
    }
    this.#items++;
    this.#aheadItems++;
    this.#aheadBytes += list.weight - before;
  }

  /** Returns the error that the tool gets for an error of the source. */
  #shown(error: unknown): SnakedenError {
    if (error instanceof SnakedenError) return error;
    return new SnakedenError(
      "input_failed",
      `Cannot read ${this.#path} after ${this.#items} items: its source failed: ${
        messageOf(error)
      }`,
      { cause: error, details: { path: this.#path, items: this.#items } },
    );
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
