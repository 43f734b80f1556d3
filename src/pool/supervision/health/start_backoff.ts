import { Backoff } from "../../../async/mod.ts";
import { FailureCount, type FailureInfo } from "./failure_count.ts";

/** The first pause after a failure, and the longest one; see {@link Backoff}. */
export const PAUSES: { readonly baseMs: number; readonly capMs: number } = {
  baseMs: 100,
  capMs: 30_000,
};

/**
 * The pauses between starts of workers: a {@link Backoff} whose failures are weighted by
 * {@link FailureCount}. Even the first end by a signal causes a pause, but a short one.
 */
export class StartBackoff {
  readonly #failures = new FailureCount();
  readonly #backoff: Backoff;
  #pauseMs = 0;

  /** @param random The source of chance, in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#backoff = new Backoff({ ...PAUSES, random });
  }

  /** The number of failures in a row. */
  get failures(): number {
    return this.#failures.value;
  }

  /** The pause before the next start. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Counts a start that failed, or a worker that ended before it had proved itself. */
  failed(failure: FailureInfo = {}): void {
    this.#failures.add(failure);
    this.#pauseMs = this.#backoff.pauseAfter(Math.max(1, this.failures));
  }

  /** Forgets the failures: a worker has proved itself. */
  reset(): void {
    this.#failures.reset();
    this.#pauseMs = 0;
  }
}
