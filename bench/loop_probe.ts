/** Notes the longest time between two turns of the event loop. */
export class LoopProbe implements Disposable {
  longestMs = 0;
  #turnedAt = performance.now();
  readonly #timer = setInterval(() => this.#turn(), 1);

  /** Forgets what was noted. */
  reset(): void {
    this.longestMs = 0;
    this.#turnedAt = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.#turnedAt);
    this.#turnedAt = now;
  }
}
