import { Backoff } from "../../async/mod.ts";
import type { RetryConfig } from "../../config/mod.ts";
import { type ErrorCode, SnakedenError } from "../../errors.ts";

/** Errors of calls that no worker has begun, unless their details say otherwise. */
const NEVER_RAN: readonly ErrorCode[] = [
  "pool_saturated",
  "pool_unhealthy",
  "shutting_down",
  "circuit_open",
];

/** Decides which failures are worth another attempt, and when it is made. */
export class RetryPolicy {
  readonly #options: RetryConfig;

  constructor(options: RetryConfig) {
    this.#options = options;
  }

  /** Attempts in all. */
  get attempts(): number {
    return this.#options.attempts;
  }

  /**
   * True when a call that ended so may be made again: its code is listed, and it has not run or may
   * run twice.
   */
  takes(error: unknown, isIdempotent: () => boolean): error is SnakedenError {
    if (!(error instanceof SnakedenError) || !this.#options.codes.includes(error.code)) {
      return false;
    }
    const neverRan = NEVER_RAN.includes(error.code) && error.details.mayHaveRun !== true;
    return neverRan || isIdempotent();
  }

  /**
   * The pauses before the second attempt, the third, and so on: `baseMs`, doubled up to `capMs`,
   * less by chance.
   */
  *pauses(): Generator<number, never, undefined> {
    const { baseMs, capMs, jitter } = this.#options;
    const backoff = new Backoff({ baseMs, capMs, jitter });
    while (true) yield Math.floor(backoff.failed());
  }
}
