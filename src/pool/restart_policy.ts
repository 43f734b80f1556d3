/** First pause after a failure. */
const BASE_MS = 100;
/** Longest pause. */
const CAP_MS = 30_000;
/** A worker that served this long was not part of a crash loop. */
const STABLE_MS = 5_000;

/**
 * When a worker may be started again, and when its pool has to be called unhealthy: exponential back-off with jitter over
 * all workers of a pool together, reset by a worker that proves itself.
 */
export class RestartPolicy {
  readonly #random: () => number;
  readonly #limit: number;
  #failures = 0;
  #reason: string | undefined;

  /**
   * @param size Workers in the pool; as many failures in a row, and at least three, make it unhealthy.
   * @param random In [0, 1), for the jitter.
   */
  constructor(size: number, random: () => number = Math.random) {
    this.#limit = Math.max(3, size);
    this.#random = random;
  }

  /** Failures since a worker last proved itself. */
  get failures(): number {
    return this.#failures;
  }

  /** What went wrong last, until a worker proves itself. */
  get lastReason(): string | undefined {
    return this.#reason;
  }

  /** The latest reason when there were too many failures in a row, otherwise undefined. */
  get unhealthyReason(): string | undefined {
    return this.#failures >= this.#limit ? this.#reason : undefined;
  }

  /** A worker could not be started. */
  startFailed(reason: string): void {
    this.#failures++;
    this.#reason = reason;
  }

  /** A worker that had been ready for `servedMs`, and had answered so many calls, is gone. */
  died(reason: string, { servedMs, answered }: { servedMs: number; answered: number }): void {
    if (servedMs >= STABLE_MS || answered > 0) this.proved();
    else this.startFailed(reason);
  }

  /** A worker has shown that this pool can work. */
  proved(): void {
    this.#failures = 0;
    this.#reason = undefined;
  }

  /** Pause before the next start: 0 when nothing failed, then 100 ms doubled each time up to 30 s, less up to half. */
  get pauseMs(): number {
    if (this.#failures === 0) return 0;
    const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(this.#failures - 1, 20));
    return ceiling * (1 - this.#random() / 2);
  }
}
