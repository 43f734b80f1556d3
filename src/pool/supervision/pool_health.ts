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
 * What the workers of a pool together say about the next one: the failures in a row since one of
 * them proved itself, and whether any has ever served. While none serves, that decides whether
 * callers may wait for one.
 */
export class PoolHealth {
  readonly #size: number;
  readonly #onChange: () => void;
  readonly #failures = new FailureCount();
  #reason: string | undefined;
  /** Slots that have had their first attempt. */
  #tried = 0;
  #hasServed = false;

  /** @param onChange Called after each event that may have changed {@link PoolHealth.isUnhealthy}. */
  constructor(size: number, onChange: () => void = () => {}) {
    this.#size = size;
    this.#onChange = onChange;
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

  /** True when each slot has tried to start its first worker. */
  get hasTriedAll(): boolean {
    return this.#tried >= this.#size;
  }

  /**
   * True when as many failures came in a row as there are workers, and at least three, or when no
   * first attempt has brought a worker that served.
   */
  get isUnhealthy(): boolean {
    const limit = Math.max(LEAST_LIMIT, this.#size);
    return this.failures >= limit || (this.hasTriedAll && !this.#hasServed);
  }

  /** Counts a start that failed, or a worker that ended before it had proved itself. */
  failed(reason: string, failure: FailureInfo = {}): void {
    this.#failures.add(failure);
    this.#reason = reason;
    this.#onChange();
  }

  /** Counts the first attempt of a slot, when it is known what came of it. */
  attempted(): void {
    this.#tried++;
    this.#onChange();
  }

  /** A worker takes calls, which says nothing yet about its end. */
  served(): void {
    this.#hasServed = true;
    this.#onChange();
  }

  /** Forgets the failures: a worker has proved itself. */
  proved(): void {
    this.#failures.reset();
    this.#reason = undefined;
    this.#onChange();
  }
}
