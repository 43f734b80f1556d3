/**
 * The bound of one request: it ends when the caller's signal aborts, when the client is closed, or
 * when its time is up. Must be closed when the answer has been read.
 */
export class Bound {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = (event: Event): void => this.#end((event.target as AbortSignal).reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @throws The reason of a signal that has aborted already. */
  constructor(
    sources: readonly (AbortSignal | undefined)[],
    { timeoutMs, late }: { readonly timeoutMs: number | undefined; readonly late: () => Error },
  ) {
    this.#sources = sources.filter((it) => it !== undefined);
    for (const source of this.#sources) source.throwIfAborted();
    for (const source of this.#sources) source.addEventListener("abort", this.#onAbort);
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => this.#end(late()), timeoutMs);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the request, if it is still open. */
  abort(): void {
    this.#end(new DOMException("The reader left", "AbortError"));
  }

  /** Forgets the signals and the timer. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }

  #end(reason: unknown): void {
    this.close();
    this.#controller.abort(reason);
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
