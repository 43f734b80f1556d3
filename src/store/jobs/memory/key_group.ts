import { allowedStarts, nextStartAt, tatAfter } from "../gcra.ts";
import { SortedRows } from "./sorted_rows.ts";

/** The fields of a job that order it among those that wait. */
export interface Place {
  readonly priority: number;
  readonly seq: number;
}

/** Orders waiting jobs as claims take them. */
export function byPlace(a: Place, b: Place): number {
  return b.priority - a.priority || a.seq - b.seq;
}

/**
 * The jobs of a queue with one concurrency key, or one rate key. Only as many of them as the limit
 * lets through are *released*, which means that claims see them; the others are parked here.
 */
export class KeyGroup<T extends Place> {
  readonly kind: "concurrency" | "rate";
  readonly queue: string;
  readonly key: string;
  limit = 0;
  periodMs = 1;
  /** The number of its jobs in the store that have not ended. */
  open = 0;
  running = 0;
  released = 0;
  readonly parked = new SortedRows<T>(byPlace);
  /** The time at which a rate lets the next parked job through; set while it is in an index. */
  wakeAt = Infinity;
  /** Tells groups with the same {@link KeyGroup.wakeAt} apart. */
  readonly number: number;
  #tat = 0;

  constructor(of: Pick<KeyGroup<T>, "kind" | "queue" | "key" | "number">) {
    this.kind = of.kind;
    this.queue = of.queue;
    this.key = of.key;
    this.number = of.number;
  }

  /** Returns the number of its jobs that may start at `now`. */
  room(now: number): number {
    return this.kind === "concurrency"
      ? Math.max(0, this.limit - this.running)
      : allowedStarts(this.#tat, now, this);
  }

  /** Notes the start of one of its jobs. */
  started(now: number): void {
    this.running++;
    if (this.kind === "rate") this.#tat = tatAfter(this.#tat, now, { ...this.#rate(), count: 1 });
  }

  /** Returns the time at which a rate allows the next start. */
  nextStartAt(now: number): number {
    return nextStartAt(this.#tat, now, this);
  }

  /** Returns the time at which one more job can be released; Infinity if that takes an end. */
  nextReleaseAt(now: number): number {
    if (this.kind !== "rate" || this.parked.size === 0 || this.released >= this.limit) {
      return Infinity;
    }
    const tat = this.#tat + this.released * this.periodMs / this.limit;
    return nextStartAt(tat, now, this);
  }

  /** Returns true if its rate has nothing to remember at `now`. */
  isForgettable(now: number): boolean {
    return this.open === 0 && this.#tat <= now;
  }

  #rate(): { readonly limit: number; readonly periodMs: number } {
    return { limit: this.limit, periodMs: this.periodMs };
  }
}
