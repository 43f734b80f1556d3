import type { ErrorCode } from "../errors.ts";

/**
 * The state of a circuit. `closed` lets all calls pass, `open` none, and `half_open` a few, whose
 * ends decide.
 *
 * `closed` -> `open` after `threshold` failures in a row; `open` -> `half_open` with the first call
 * after `resetMs`; `half_open` -> `closed` when `halfOpenCalls` calls have ended well, -> `open`
 * when one has not.
 */
export type CircuitState = "closed" | "open" | "half_open";

/** A circuit as it is now. */
export interface CircuitInfo {
  /** The state of the circuit. */
  readonly state: CircuitState;
  /** The number of failures in a row. */
  readonly failures: number;
  /** The number of times that it has opened. */
  readonly opened: number;
  /** The number of calls that it has refused. */
  readonly refused: number;
  /** The code of the last failure that it counted. */
  readonly lastFailure?: ErrorCode;
  /** The time until it lets a call pass; only while it is open. */
  readonly retryAfterMs?: number;
}

/**
 * The policies of a pool as they are now. The policies themselves are in src/calls/policies, above
 * the pool; the pool only includes this record in its info.
 */
export interface PoliciesInfo {
  /** The circuit of the whole pool. */
  readonly circuit?: CircuitInfo;
  /** The circuits of single tools, by name. */
  readonly toolCircuits: Readonly<Record<string, CircuitInfo>>;
  /** The number of attempts that were made after others had failed. */
  readonly retries: number;
}
