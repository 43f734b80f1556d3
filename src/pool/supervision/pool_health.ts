import { FailureCount, type FailureInfo } from "./failure_count.ts";

/** A worker that served this long was not part of a crash loop. */
const STABLE_MS = 5_000;
/** As many failures in a row make even the smallest pool unhealthy. */
const LEAST_LIMIT = 3;

/** The life of a worker, seen from its end. */
export interface Life {
  readonly servedMs: number;
  /** The number of calls that it finished. */
  readonly answered: number;
}

/** Returns true for a worker that has shown that its pool can work. */
export function hasProvedItself({ servedMs, answered }: Life): boolean {
  return servedMs >= STABLE_MS || answered > 0;
}

/**
 * The failures of all workers of a pool together, since one of them last proved itself. While none
 * serves, they decide whether callers may wait for one: see {@link PoolHealth.unhealthyReason}.
 */
export class PoolHealth {
  readonly #limit: number;
  readonly #failures = new FailureCount();
  #reason: string | undefined;

  /** @param size Workers in the pool; as many failures in a row, and at least three, are too many. */
  constructor(size: number) {
    this.#limit = Math.max(LEAST_LIMIT, size);
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures.value;
  }

  /** True while no worker has proved itself since the last failure. */
  get isInDoubt(): boolean {
    return this.#reason !== undefined;
  }

  /** What went wrong last, until a worker proves itself. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** The latest reason when there were too many failures in a row, otherwise undefined. */
  get unhealthyReason(): string | undefined {
    return this.failures >= this.#limit ? this.#reason : undefined;
  }

  /** Counts a start that failed, or a worker that ended before it had proved itself. */
  failed(reason: string, failure: FailureInfo = {}): void {
    this.#failures.add(failure);
    this.#reason = reason;
  }

  /** Forgets the failures: a worker has proved itself. */
  proved(): void {
    this.#failures.reset();
    this.#reason = undefined;
  }
}
