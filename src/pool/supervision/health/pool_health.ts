import { FailureCount, type FailureInfo } from "./failure_count.ts";

/** The time after which a worker is not part of a crash loop. */
const STABLE_MS = 5_000;
/** The fewest failures in a row that make a pool unhealthy, however small it is. */
const LEAST_LIMIT = 3;

/** The life of a worker that has ended. */
export interface Life {
  readonly servedMs: number;
  /** The number of calls that it finished. */
  readonly answered: number;
}

/** Returns true if a worker has shown that its pool can work. */
export function hasProvedItself({ servedMs, answered }: Life): boolean {
  return servedMs >= STABLE_MS || answered > 0;
}

/**
 * The health of a pool: how many starts and workers have failed in a row since a worker proved
 * itself, and whether any worker has ever served. While none serves, this decides whether calls may
 * wait for one.
 */
export class PoolHealth {
  #size: number;
  readonly #onChange: () => void;
  readonly #failures = new FailureCount();
  #reason: string | undefined;
  /** The number of slots that have had their first attempt. */
  #tried = 0;
  #hasServed = false;

  /**
   * @param onChange Called after each event that may have changed {@link PoolHealth.isUnhealthy}.
   */
  constructor(size: number, onChange: () => void = () => {}) {
    this.#size = size;
    this.#onChange = onChange;
  }

  /** The number of slots that are to have a worker. */
  set size(size: number) {
    this.#size = size;
  }

  /** The number of failures in a row. */
  get failures(): number {
    return this.#failures.value;
  }

  /** True while no worker has proved itself since the last failure. */
  get isInDoubt(): boolean {
    return this.#reason !== undefined;
  }

  /** The reason of the last failure, until a worker proves itself. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** True once each slot has tried to start its first worker. */
  get hasTriedAll(): boolean {
    return this.#tried >= this.#size;
  }

  /**
   * True if there were as many failures in a row as there are workers, and at least three, or if
   * each slot has tried to start a worker and none has ever served.
   */
  get isUnhealthy(): boolean {
    const limit = Math.max(LEAST_LIMIT, this.#size);
    return this.failures >= limit || (this.#tried > 0 && this.hasTriedAll && !this.#hasServed);
  }

  /** Counts a start that failed, or a worker that ended before it had proved itself. */
  failed(reason: string, failure: FailureInfo = {}): void {
    this.#failures.add(failure);
    this.#reason = reason;
    this.#onChange();
  }

  /** Counts the first attempt of a slot once its result is known. */
  attempted(): void {
    this.#tried++;
    this.#onChange();
  }

  /** Notes that a worker takes calls, which does not prove it yet. */
  served(): void {
    this.#hasServed = true;
    this.#onChange();
  }

  /**
   * Forgets the failures, because the code of the workers has changed. If no worker has ever
   * served, it also forgets the first attempts of the slots, so calls may wait for the next ones.
   *
   * @returns True if it has forgotten the first attempts.
   */
  startAfresh(): boolean {
    this.#failures.reset();
    if (!this.#hasServed) this.#tried = 0;
    this.#onChange();
    return !this.#hasServed;
  }

  /** Forgets the failures: a worker has proved itself. */
  proved(): void {
    this.#failures.reset();
    this.#reason = undefined;
    this.#onChange();
  }
}
