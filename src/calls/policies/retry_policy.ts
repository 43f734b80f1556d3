import { Backoff } from "../../async/mod.ts";
import type { RetryConfig } from "../../config/mod.ts";
import { type ErrorCode, SnakedenError } from "../../errors.ts";

/** Errors of calls that no worker has begun, unless their details say otherwise. */
const NEVER_RAN: readonly ErrorCode[] = [
  "pool_saturated",
  "pool_unhealthy",
  "device_unavailable",
  "shutting_down",
  "circuit_open",
  "worker_busy",
  "session_quota_exceeded",
];

/** Decides which failures are worth another attempt, and when it is made. */
export class RetryPolicy {
  readonly #options: RetryConfig;

  constructor(options: RetryConfig) {
    this.#options = options;
  }

  /** The number of attempts in all. */
  get attempts(): number {
    return this.#options.attempts;
  }

  /**
   * Returns true if a call with this error may be made again: its code is listed, and the call has
   * not run or may run twice.
   */
  takes(error: unknown, isIdempotent: () => boolean): error is SnakedenError {
    if (!(error instanceof SnakedenError) || !this.#options.codes.includes(error.code)) {
      return false;
    }
    const neverRan = NEVER_RAN.includes(error.code) && error.details.mayHaveRun !== true;
    return neverRan || isIdempotent();
  }

  /**
   * Yields the pauses before the second attempt, the third, and so on: `baseMs`, doubled up to
   * `capMs`, and shortened at random.
   */
  *pauses(): Generator<number, never, undefined> {
    const { baseMs, capMs, jitter } = this.#options;
    const backoff = new Backoff({ baseMs, capMs, jitter });
    while (true) yield Math.floor(backoff.failed());
  }
}
