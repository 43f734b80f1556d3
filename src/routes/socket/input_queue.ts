import { SnakedenError } from "../../errors.ts";

/** The bytes that an item counts for beside its own, so that an empty one counts, too. */
export const ITEM_COST_BYTES = 64;

/** Options of an {@link InputQueue}. */
export interface InputQueueOptions {
  /** The bytes that may wait for the tool. */
  readonly windowBytes: number;
  /** Reserves memory for an item that is larger than the window. */
  readonly hold: (bytes: number) => Disposable;
  /** Called with bytes that the client may send in addition. */
  readonly onCredit: (bytes: number) => void;
}

interface Item {
  readonly value: unknown;
  readonly bytes: number;
  readonly room: Disposable | undefined;
}

/**
 * The items of a client on their way to a tool. The client may send while it has credit left, and
 * gets more as the tool takes items. The last item may exceed the credit, so items of any size get
 * through.
 *
 * `open` -> `ended` when the client has sent its last item; -> `left` when the tool reads no more:
 * items are then dropped, and their credit is given back; -> `failed` when the call ends.
 */
export class InputQueue implements AsyncIterable<unknown> {
  readonly #options: InputQueueOptions;
  #items: (Item | undefined)[] = [];
  #head = 0;
  #credit: number;
  /** The bytes that the tool has taken and the client does not know of. */
  #uncredited = 0;
  #state: "open" | "ended" | "failed" | "left" = "open";
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(options: InputQueueOptions) {
    this.#options = options;
    this.#credit = options.windowBytes;
  }

  /** True while the client may send items. */
  get isOpen(): boolean {
    return this.#state === "open" || this.#state === "left";
  }

  /**
   * Adds an item.
   *
   * @param bytes The bytes of the messages that it came in.
   * @throws {SnakedenError} `body_too_large` if the client had no credit left; `server_busy` if
   * there is no memory for a large item.
   */
  push(value: unknown, bytes: number): void {
    const { windowBytes, hold } = this.#options;
    if (this.#credit <= 0) {
      throw new SnakedenError(
        "body_too_large",
        `Cannot take another item: ${windowBytes} bytes of input wait for the tool; send more ` +
          "once a message of the type credit has come",
        { details: { windowBytes } },
      );
    }
    const cost = bytes + ITEM_COST_BYTES;
    this.#credit -= cost;
    if (this.#state === "left") return this.#give(cost);
    const room = bytes > windowBytes ? hold(bytes) : undefined;
    this.#items.push({ value, bytes: cost, room });
    this.#notify();
  }

  /** Ends the input after the items that wait. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#notify();
  }

  /** Ends the input at once; a tool that reads on gets the error. */
  fail(error: unknown): void {
    if (this.#state === "left") return;
    this.#state = "failed";
    this.#error = error;
    this.#drop();
    this.#notify();
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#leave();
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }

  async #next(): Promise<IteratorResult<unknown>> {
    while (true) {
      const item = this.#items[this.#head];
      if (item !== undefined) return { value: this.#take(item), done: false };
      if (this.#state === "failed") throw this.#error;
      if (this.#state !== "open") return { value: undefined, done: true };
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #take(item: Item): unknown {
    item.room?.[Symbol.dispose]();
    // What was taken is set to undefined, so that it is not kept alive here.
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length || this.#head >= 1_024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#give(item.bytes);
    return item.value;
  }

  /** Gives credit back, in a few large pieces: each costs a message. */
  #give(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < this.#options.windowBytes / 4) return;
    this.#credit += this.#uncredited;
    this.#options.onCredit(this.#uncredited);
    this.#uncredited = 0;
  }

  /** The tool reads no more. A client that goes on sending is not kept waiting. */
  #leave(): void {
    const wasOpen = this.#state === "open";
    if (wasOpen) this.#state = "left";
    const bytes = this.#drop();
    if (wasOpen) this.#give(bytes);
    this.#notify();
  }

  /** Drops the items that wait; returns their bytes. */
  #drop(): number {
    let bytes = 0;
    for (const item of this.#items) {
      item?.room?.[Symbol.dispose]();
      bytes += item?.bytes ?? 0;
    }
    this.#items = [];
    this.#head = 0;
    return bytes;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
