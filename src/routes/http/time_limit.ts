/** Something that must end in time. All fields but `onLate` belong to its {@link TimeLimit}. */
export interface Wait {
  /** The time at which it began, on the clock of `performance.now()`. */
  since: number;
  /** Called once when it has taken too long. */
  onLate(): void;
  /** True from its beginning to its end. */
  isWaiting?: boolean;
  /** The waits that began before and after it. */
  earlier?: Wait | undefined;
  later?: Wait | undefined;
}

/**
 * One limit for many waits. It has no timer, since a timer for each request would cost more than a
 * small request itself; its owner calls {@link TimeLimit.check} at intervals. The waits are linked
 * to each other: a Set that is filled and emptied with each request keeps garbage alive.
 */
export class TimeLimit {
  readonly #limitMs: number;
  #first: Wait | undefined;
  #last: Wait | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** True if no wait has begun that has not ended. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Begins a wait, or begins it again. */
  begin(wait: Wait): void {
    this.end(wait);
    wait.since = performance.now();
    wait.isWaiting = true;
    wait.earlier = this.#last;
    if (this.#last === undefined) this.#first = wait;
    else this.#last.later = wait;
    this.#last = wait;
  }

  /** Ends a wait, if it has begun. */
  end(wait: Wait): void {
    if (!wait.isWaiting) return;
    const { earlier, later } = wait;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    wait.earlier = wait.later = undefined;
    wait.isWaiting = false;
  }

  /** Yields the waits of at least `ageMs`, oldest first; each of them may end meanwhile. */
  *olderThan(ageMs: number): Generator<Wait> {
    const latest = performance.now() - ageMs;
    // A list of its own, since whoever gets a wait may end it and others.
    const old: Wait[] = [];
    for (let wait = this.#first; wait && wait.since <= latest; wait = wait.later) old.push(wait);
    for (const wait of old) if (wait.isWaiting) yield wait;
  }

  /** Ends the waits that have taken too long. */
  check(): void {
    for (const wait of this.olderThan(this.#limitMs)) {
      this.end(wait);
      wait.onLate();
    }
  }
}
