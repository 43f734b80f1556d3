/** The number of ends by a signal, in a row, that count as one failure. */
const SIGNALLED_WEIGHT = 10;

/** Facts about a failure. */
export interface FailureInfo {
  /** True if a signal from the kernel or another process caused it. */
  readonly signalled?: boolean;
}

/**
 * Counts failures in a row. A worker that something else may have ended says little about the next
 * one, so only ten such ends in a row count as one failure. That still slows down starts when the
 * kernel kills every worker because memory has run out.
 */
export class FailureCount {
  #own = 0;
  #signalled = 0;

  /** The number of failures in a row. */
  get value(): number {
    return this.#own + Math.floor(this.#signalled / SIGNALLED_WEIGHT);
  }

  /** Counts a failure. */
  add({ signalled = false }: FailureInfo = {}): void {
    if (signalled) this.#signalled++;
    else this.#own++;
  }

  /** Starts again from 0. */
  reset(): void {
    this.#own = 0;
    this.#signalled = 0;
  }
}
