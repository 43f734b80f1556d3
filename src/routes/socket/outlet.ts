import type { Reader, UnreadAnswers } from "../http/mod.ts";

/** Sending pauses above this number of bytes that wait for the client. */
export const HIGH_BYTES = 256 * 1024;
/** The pause between two looks at a client that must read before more is sent. */
const FULL_TICK_MS = 5;
/** The pause between two looks at a client that has something to read. */
const TICK_MS = 100;
/** Answers up to this size are not counted. */
const FREE_BYTES = 16 * 1024;
/** The turns of the microtask queue that a sender needs until it has sent. */
const SENDER_TURNS = 2;

/** The part of a WebSocket that an {@link Outlet} uses. */
export interface SendingSocket {
  readonly bufferedAmount: number;
  send(data: string | Uint8Array<ArrayBufferLike>): void;
}

/** Options of an {@link Outlet}. */
export interface OutletOptions {
  readonly answers: Pick<UnreadAnswers, "add" | "take" | "end">;
  /** Time within which the client must read something. */
  readonly answerTimeoutMs: number;
  /** Called once when the client has read nothing for so long. */
  readonly onStuck: () => void;
}

/**
 * The sending side of one WebSocket. The runtime says how many bytes it holds, but not when they
 * get fewer, so a timer looks while there are some.
 */
export class Outlet implements Reader {
  since = 0;
  unreadBytes = 0;
  readonly #socket: SendingSocket;
  readonly #options: OutletOptions;
  readonly #waiting: (() => void)[] = [];
  /** The bytes of counted answers that are not sent yet. */
  #reservedBytes = 0;
  #sentBytes = 0;
  /** The bytes that had left when the last look was taken. */
  #leftBytes = 0;
  #movedAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: "open" | "stuck" | "closed" = "open";

  constructor(socket: SendingSocket, options: OutletOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** True while messages can be sent. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Sends a message. Those that may be long must wait for {@link Outlet.ready} before. */
  send(message: string | Uint8Array): void {
    if (!this.isOpen) return;
    const before = this.#socket.bufferedAmount;
    // The time of a client runs while there is something to read.
    if (before === 0) this.#movedAt = performance.now();
    this.#socket.send(message);
    this.#sentBytes += this.#socket.bufferedAmount - before;
    this.#timer ??= this.#tickLater(TICK_MS);
  }

  /** Resolves when the client has read enough, or is gone; undefined if it has already. */
  ready(): Promise<void> | undefined {
    const isFull = this.#waiting.length > 0 || this.#socket.bufferedAmount > HIGH_BYTES;
    if (!this.isOpen || !isFull) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#restart();
    });
  }

  /**
   * Counts an answer that is about to be sent; it must be disposed once it was.
   *
   * @throws {SnakedenError} `server_busy` if too many answers wait for their readers.
   */
  reserve(bytes: number): Disposable | undefined {
    if (bytes <= FREE_BYTES) return undefined;
    this.#options.answers.add(this, bytes);
    this.#reservedBytes += bytes;
    return { [Symbol.dispose]: () => void (this.#reservedBytes -= bytes) };
  }

  /** Called when it has read nothing for too long, and others need the room. */
  onLate(): void {
    this.#look();
    if (this.unreadBytes > 0 && performance.now() - this.#movedAt > TICK_MS) this.#onStuck();
  }

  /** Sends no more, since the connection is closed. */
  close(): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#options.answers.end(this);
    this.#wakeAll();
  }

  /** Looks more often, since somebody waits. */
  #restart(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#tickLater(FULL_TICK_MS);
  }

  #tickLater(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => void this.#tick(), ms);
  }

  async #tick(): Promise<void> {
    const buffered = this.#look();
    const isLate = performance.now() - this.#movedAt > this.#options.answerTimeoutMs;
    if (buffered > 0 && isLate) this.#onStuck();
    while (this.#waiting.length > 0 && this.#socket.bufferedAmount <= HIGH_BYTES) {
      this.#waiting.shift()?.();
      // It sends before the next one is asked.
      for (let turn = 0; turn < SENDER_TURNS; turn++) await null;
    }
    if (!this.isOpen) return;
    clearTimeout(this.#timer);
    const isFull = this.#waiting.length > 0;
    const isDone = !isFull && this.#look() === 0 && this.unreadBytes === 0;
    this.#timer = isDone ? undefined : this.#tickLater(isFull ? FULL_TICK_MS : TICK_MS);
  }

  /** Notes what the client has read; returns the bytes that still wait. */
  #look(): number {
    // The runtime no longer says what it holds for a client that is being disconnected.
    if (this.#state === "stuck") return this.unreadBytes;
    const buffered = this.#socket.bufferedAmount;
    const left = this.#sentBytes - buffered;
    if (left > this.#leftBytes || buffered === 0) this.#movedAt = performance.now();
    this.#leftBytes = left;
    const read = this.unreadBytes - this.#reservedBytes - buffered;
    if (read > 0) this.#options.answers.take(this, read);
    if (this.unreadBytes === 0) this.#options.answers.end(this);
    return buffered;
  }

  #onStuck(): void {
    if (this.#state !== "open") return;
    // What the runtime holds stays counted until the connection is closed.
    this.#state = "stuck";
    this.#wakeAll();
    this.#options.onStuck();
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
