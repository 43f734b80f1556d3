/** The longest time of a timer, 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The bound of one request: it ends when the caller's signal aborts, when the client is closed, or
 * when its time is up. Must be closed when the answer has been read.
 */
export class Bound {
  readonly #open: Set<Bound> | undefined;
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = (event: Event): void => this.#end((event.target as AbortSignal).reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.open Has the bound until it is closed.
   * @throws The reason of a signal that has aborted already.
   */
  constructor(
    sources: readonly (AbortSignal | undefined)[],
    { timeoutMs = Infinity, late, open }: {
      readonly timeoutMs: number | undefined;
      readonly late: () => Error;
      readonly open?: Set<Bound>;
    },
  ) {
    this.#sources = sources.filter((it) => it !== undefined);
    for (const source of this.#sources) source.throwIfAborted();
    for (const source of this.#sources) source.addEventListener("abort", this.#onAbort);
    this.#open = open;
    open?.add(this);
    // A timer of more would ring at once.
    if (timeoutMs <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => this.#end(late()), timeoutMs);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the request, if it is still open. */
  abort(reason: unknown = new DOMException("The reader left", "AbortError")): void {
    this.#end(reason);
  }

  /** Forgets the signals and the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#open?.delete(this);
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }

  #end(reason: unknown): void {
    this.close();
    this.#controller.abort(reason);
  }

  /** Waits for a result, at most until the request ends. @throws The reason of its end. */
  async until<T>(result: Promise<T>): Promise<T> {
    let end = (): void => {};
    const ended = new Promise<never>((_, reject) => end = () => reject(this.signal.reason));
    if (this.signal.aborted) end();
    this.signal.addEventListener("abort", end, { once: true });
    try {
      return await Promise.race([ended, result]);
    } finally {
      this.signal.removeEventListener("abort", end);
    }
  }

  /** Waits, at most until the request ends. @throws The reason of its end. */
  async pause(ms: number): Promise<void> {
    this.signal.throwIfAborted();
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => wake = resolve);
    const timer = setTimeout(wake, ms);
    this.signal.addEventListener("abort", wake, { once: true });
    await woken;
    clearTimeout(timer);
    this.signal.removeEventListener("abort", wake);
    this.signal.throwIfAborted();
  }
}
