import { type Alarms, LoneAlarm } from "../../../async/mod.ts";

/** The last thing that a call has shown of its work; `start` if it has shown nothing yet. */
export type Sign = "start" | "chunk" | "progress" | "ask" | "read";

/**
 * The time for which a call that seems silent is watched further. If the event loop of the host was
 * blocked, signs have come that nobody has read yet.
 */
const CONFIRM_MS = 20;

/** Options of a {@link StallWatch}. */
export interface StallWatchOptions {
  readonly alarms: Alarms;
  /** The time without a sign after which a call is stalled. */
  readonly limitMs: number;
  /** The bytes of chunks that may wait for the reader of the call. */
  readonly windowBytes: number;
  /** Returns false while the call waits in its worker behind other calls. */
  readonly hasBegun: () => boolean;
  /** Called once when the call has stalled. */
  readonly onStall: (lastSign: Sign, silentMs: number) => void;
}

/**
 * Watches a call that has a limit of silence. Each chunk, each report of progress and each ask is a
 * sign of work. Time does not count while the tool waits for somebody else: until the reader makes
 * room in a full window, and until the host has answered an ask. The end of such a wait is a sign.
 *
 * `idle` -> `watching` when the call is sent; `watching` -> `idle` when the call ends or returns to
 * the queue, and when it has stalled. One alarm is set once and looks at the clock when it rings,
 * so that signs cost no more than the time of the clock.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #alarm = new LoneAlarm(() => this.#look());
  #lastSign: Sign = "start";
  #since = 0;
  /** The asks that wait for an answer, of the last time that the call was sent. */
  #asks = { open: 0 };
  /** The bytes of chunks for which the worker has no credit yet. */
  #unreadBytes = 0;
  #isPaused = false;
  /** The time of the sign since which the call seems silent. */
  #silentSince: number | undefined;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Begins to watch, since the call is sent. */
  begin(): void {
    // Asks of a worker that has died may be answered later, and count no more.
    this.#asks = { open: 0 };
    this.#unreadBytes = 0;
    this.#isPaused = false;
    this.#silentSince = undefined;
    this.#note("start");
    this.#lookAt(this.#since + this.#options.limitMs);
  }

  /** Ends the watch. */
  end(): void {
    this.#options.alarms.clear(this.#alarm);
  }

  /** Notes a chunk of this weight. */
  chunk(bytes: number): void {
    this.#unreadBytes += bytes;
    this.#note("chunk");
  }

  /** Notes that the reader has taken chunks of this weight. */
  credit(bytes: number): void {
    const wasFull = this.#isFull;
    this.#unreadBytes -= bytes;
    if (wasFull && !this.#isFull) this.#note("read");
  }

  /** Notes that the reader of a stream without a window asks for nothing. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Notes that the reader asks for more; does nothing if it has not paused. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#note("read");
  }

  progress(): void {
    this.#note("progress");
  }

  /** Notes an ask; returns the answer, whose arrival ends the wait for it. */
  ask<T>(answer: () => T | Promise<T>): T | Promise<T> {
    this.#note("ask");
    const answered = answer();
    if (!(answered instanceof Promise)) return answered;
    const asks = this.#asks;
    asks.open++;
    return answered.finally(() => {
      asks.open--;
      if (asks === this.#asks) this.#note("ask");
    });
  }

  get #isFull(): boolean {
    return this.#unreadBytes >= this.#options.windowBytes;
  }

  #note(sign: Sign): void {
    this.#lastSign = sign;
    this.#since = this.#options.alarms.now;
  }

  #lookAt(atMs: number): void {
    this.#options.alarms.set(this.#alarm, atMs);
  }

  #look(): void {
    const { alarms: { now }, limitMs, hasBegun, onStall } = this.#options;
    if (!hasBegun()) {
      // It begins unnoticed, so a shorter interval makes the limit more exact.
      this.#note("start");
      return this.#lookAt(now + limitMs / 4);
    }
    const isWaiting = this.#asks.open > 0 || this.#isFull || this.#isPaused;
    if (isWaiting) return this.#lookAt(now + limitMs);
    const dueAt = this.#since + limitMs;
    if (now < dueAt) return this.#lookAt(dueAt);
    if (this.#silentSince !== this.#since) {
      this.#silentSince = this.#since;
      return this.#lookAt(now + CONFIRM_MS);
    }
    onStall(this.#lastSign, now - this.#since);
  }
}
