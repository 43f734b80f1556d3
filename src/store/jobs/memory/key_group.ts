import { allowedStarts, nextStartAt, tatAfter } from "../gcra.ts";
import { SortedRows } from "./sorted_rows.ts";

/** The fields of a job that order it among those that wait. */
export interface Place {
  readonly priority: number;
  /** The turn of its key in a queue that is shared; 0 in others. */
  readonly rank: number;
  readonly seq: number;
}

/** Orders waiting jobs of a queue as claims take them. */
export function byPlace(a: Place, b: Place): number {
  return b.priority - a.priority || a.rank - b.rank || a.seq - b.seq;
}

/**
 * The available jobs of a {@link KeyGroup} in one pool. Only as many of them as the limit lets
 * through are *released*, which means that claims see them; the others are parked here. Each pool
 * has its own, so that a job that waits for one pool does not hold up those of another.
 */
export interface KeyLane<T extends Place> {
  readonly group: KeyGroup<T>;
  /** Tells lanes with the same {@link KeyLane.wakeAt} apart. */
  readonly number: number;
  released: number;
  readonly parked: SortedRows<T>;
  /** The time at which a rate lets the next parked job through; set while it is in an index. */
  wakeAt: number;
}

/** The jobs of a queue with one concurrency key, or one rate key. */
export class KeyGroup<T extends Place> {
  readonly kind: "concurrency" | "rate";
  readonly queue: string;
  readonly key: string;
  limit = 0;
  periodMs = 1;
  /** The number of its jobs that have not ended. */
  jobs = 0;
  readonly #lanes = new Map<string, KeyLane<T>>();
  #running = 0;
  #tat = 0;

  readonly #newNumber: () => number;

  constructor(of: Pick<KeyGroup<T>, "kind" | "queue" | "key">, newNumber: () => number) {
    this.#newNumber = newNumber;
    this.kind = of.kind;
    this.queue = of.queue;
    this.key = of.key;
  }

  get lanes(): Iterable<KeyLane<T>> {
    return this.#lanes.values();
  }

  /** Returns its jobs of a pool. */
  lane(pool: string): KeyLane<T> {
    const known = this.#lanes.get(pool);
    if (known !== undefined) return known;
    const lane = {
      group: this,
      number: this.#newNumber(),
      released: 0,
      parked: new SortedRows<T>(byPlace),
      wakeAt: Infinity,
    };
    this.#lanes.set(pool, lane);
    return lane;
  }

  /** Returns the number of its jobs that may start at `now`. */
  room(now: number): number {
    return this.kind === "concurrency"
      ? Math.max(0, this.limit - this.#running)
      : allowedStarts(this.#tat, now, this);
  }

  /** Notes the start of one of its jobs. */
  started(now: number): void {
    this.#running++;
    if (this.kind !== "rate") return;
    const { limit, periodMs } = this;
    this.#tat = tatAfter(this.#tat, now, { limit, periodMs, count: 1 });
  }

  /** Notes that one of its jobs does not run any more. */
  stopped(): void {
    this.#running--;
  }

  /** Returns the time at which a rate allows the next start. */
  nextStartAt(now: number): number {
    return nextStartAt(this.#tat, now, this);
  }

  /** Returns the time at which a lane can release one more job; Infinity if that takes an end. */
  nextReleaseAt({ parked, released }: KeyLane<T>, now: number): number {
    if (this.kind !== "rate" || parked.size === 0 || released >= this.limit) return Infinity;
    const tat = this.#tat + released * this.periodMs / this.limit;
    return nextStartAt(tat, now, this);
  }

  /** Returns true if there is nothing to remember at `now`. */
  isForgettable(now: number): boolean {
    return this.jobs === 0 && this.#tat <= now;
  }
}
