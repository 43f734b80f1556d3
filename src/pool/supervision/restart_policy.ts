/** First pause after a failure. */
const BASE_MS = 100;
/** Longest pause. */
const CAP_MS = 30_000;
/** A worker that served this long was not part of a crash loop. */
const STABLE_MS = 5_000;
/** Ends by a signal in a row that count as one failure. */
const SIGNALLED_WEIGHT = 10;

/** The life of a worker, seen from its end. */
export interface Life {
  readonly servedMs: number;
  /** The number of calls that it finished. */
  readonly answered: number;
  /** True when a signal from the kernel or another process ended it. */
  readonly signalled: boolean;
}

/**
 * The rule for restarts of workers, and for calling their pool unhealthy: exponential back-off with
 * jitter over all workers of a pool together, reset by a worker that proves itself.
 *
 * A worker that something else may have ended says little about the next one. So the pause stays
 * short, and only ten such ends in a row count as one failure. That still slows down starts when
 * the kernel kills every worker because memory has run out.
 */
export class RestartPolicy {
  readonly #random: () => number;
  readonly #limit: number;
  #failures = 0;
  /** The number of ends by a signal in a row. */
  #signalled = 0;
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
    return this.#failures + Math.floor(this.#signalled / SIGNALLED_WEIGHT);
  }

  /** True while no worker has proved itself since the last failure. */
  get isInDoubt(): boolean {
    return this.#reason !== undefined;
  }

  /** What went wrong last, until a worker proves itself. */
  get lastReason(): string | undefined {
    return this.#reason;
  }

  /** The latest reason when there were too many failures in a row, otherwise undefined. */
  get unhealthyReason(): string | undefined {
    return this.failures >= this.#limit ? this.#reason : undefined;
  }

  /** A worker could not be started. */
  startFailed(reason: string, { signalled = false }: Partial<Life> = {}): void {
    if (signalled) this.#signalled++;
    else this.#failures++;
    this.#reason = reason;
  }

  /** Records the end of a worker that had been ready. */
  died(reason: string, life: Life): void {
    if (life.servedMs >= STABLE_MS || life.answered > 0) this.proved();
    else this.startFailed(reason, life);
  }

  /** A worker has shown that this pool can work. */
  proved(): void {
    this.#failures = 0;
    this.#signalled = 0;
    this.#reason = undefined;
  }

  /**
   * The pause before the next start: 0 after no failure, then 100 ms, doubled with each further
   * failure up to 30 s, and shortened at random by up to half.
   */
  get pauseMs(): number {
    if (!this.isInDoubt) return 0;
    const doublings = Math.min(Math.max(this.failures - 1, 0), 20);
    const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** doublings);
    return ceiling * (1 - this.#random() / 2);
  }
}
