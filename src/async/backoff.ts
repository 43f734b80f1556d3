/**
 * The share of a pause that is random: none, half, or all of it. Randomness only shortens a pause.
 */
export type Jitter = "none" | "half" | "full";

const SHARES: Readonly<Record<Jitter, number>> = { none: 0, half: 0.5, full: 1 };

/** The largest exponent of 2 that does not overflow a double. */
const MAX_DOUBLINGS = 1_023;

/** Options of {@link Backoff}. */
export interface BackoffOptions {
  /** The pause after the first failure. */
  readonly baseMs: number;
  /** The longest pause. */
  readonly capMs: number;
  /** `half` if omitted. */
  readonly jitter?: Jitter;
  /** Returns a random number in [0, 1); `Math.random` if omitted. */
  readonly random?: () => number;
}

/**
 * The pauses between attempts at something that fails: none before the first failure, then
 * `baseMs`, doubled with each further failure up to `capMs`, and shortened at random.
 *
 * The pause after `n` failures is `c * (1 - share * random())` with
 * `c = min(capMs, baseMs * 2 ** (n - 1))`. The share is 0 without jitter, 0.5 with half jitter, and
 * 1 with full jitter. Half jitter guarantees a minimum pause, which suits restarts of something
 * that may fail at once, again and again. Full jitter spreads many clients of one resource best,
 * which suits retries of calls.
 *
 * Each failure draws its pause once, so that every reader sees the same one. Only `failed()` and
 * `reset()` change the state. The owner decides when an attempt counts as a success, and calls
 * `reset()`.
 *
 * @see Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: "full jitter",
 * and as half jitter "equal jitter".
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #share: number;
  readonly #random: () => number;
  #failures = 0;
  #pauseMs = 0;

  constructor(options: BackoffOptions) {
    this.#baseMs = options.baseMs;
    this.#capMs = options.capMs;
    this.#share = SHARES[options.jitter ?? "half"];
    this.#random = options.random ?? Math.random;
  }

  /** The number of failures since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** The pause after the latest failure; 0 if there is none. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Counts a failure; returns the pause that follows it. */
  failed(): number {
    this.#failures++;
    this.#pauseMs = this.pauseAfter(this.#failures);
    return this.#pauseMs;
  }

  /** Forgets the failures: the next attempt is due at once. */
  reset(): void {
    this.#failures = 0;
    this.#pauseMs = 0;
  }

  /**
   * Draws the pause after `failures` failures, for an owner that keeps the count itself, such as in
   * a stored row.
   */
  pauseAfter(failures: number): number {
    if (failures <= 0) return 0;
    const ceilingMs = Math.min(
      this.#capMs,
      this.#baseMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS),
    );
    return ceilingMs * (1 - this.#share * this.#random());
  }
}
