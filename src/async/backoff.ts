/**
 * The part of a pause that is left to chance: nothing, half of it, or all of it. Chance only ever
 * shortens a pause.
 */
export type Jitter = "none" | "half" | "full";

const SHARES: Readonly<Record<Jitter, number>> = { none: 0, half: 0.5, full: 1 };

/** The exponent from which on a double would overflow. */
const MAX_DOUBLINGS = 1_023;

/** Options of {@link Backoff}. */
export interface BackoffOptions {
  /** The pause after the first failure. */
  readonly baseMs: number;
  /** The longest pause. */
  readonly capMs: number;
  /** `half` if omitted. */
  readonly jitter?: Jitter;
  /** The source of chance, in [0, 1). */
  readonly random?: () => number;
}

/**
 * Pauses between attempts at something that fails: none before the first failure, then `baseMs`,
 * doubled with each further failure up to `capMs`, and shortened by chance.
 *
 * The pause after `n` failures is `c * (1 - share * random())` with
 * `c = min(capMs, baseMs * 2 ** (n - 1))`. The share is 0 without jitter, 0.5 with half jitter, and
 * 1 with full jitter. Half jitter keeps a least pause, which suits the restart of something that
 * may fail at once, again and again. Full jitter spreads many clients of one resource best, which
 * suits retries of calls.
 *
 * A failure draws its pause once, so that every reader sees the same one. `failed()` and `reset()`
 * are the only transitions. The owner says when something has proved itself and calls `reset()`.
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

  /** Draws a pause for a count of failures that is kept elsewhere, such as in a stored row. */
  pauseAfter(failures: number): number {
    if (failures <= 0) return 0;
    const ceilingMs = Math.min(
      this.#capMs,
      this.#baseMs * 2 ** Math.min(failures - 1, MAX_DOUBLINGS),
    );
    return ceilingMs * (1 - this.#share * this.#random());
  }
}
