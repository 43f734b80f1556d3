/** Something that must end in time. */
export interface Wait {
  /** The time at which it began, on the clock of `performance.now()`; set by {@link TimeLimit}. */
  since: number;
  /** Called once when it has taken too long. */
  onLate(): void;
}

/**
 * One limit for many waits. It has no timer, since a timer for each request would cost more than a
 * small request itself. Its owner calls {@link TimeLimit.check} at intervals.
 */
export class TimeLimit {
  readonly #limitMs: number;
  /** The waits in the order in which they began. */
  readonly #waits = new Set<Wait>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Begins a wait, or begins it again. */
  begin(wait: Wait): void {
    this.#waits.delete(wait);
    wait.since = performance.now();
    this.#waits.add(wait);
  }

  end(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /** Yields the waits of at least `ageMs`, oldest first. */
  *olderThan(ageMs: number): Generator<Wait> {
    const latest = performance.now() - ageMs;
    for (const wait of this.#waits) {
      if (wait.since > latest) return;
      yield wait;
    }
  }

  /** Ends the waits that have taken too long. */
  check(): void {
    for (const wait of this.olderThan(this.#limitMs)) {
      this.#waits.delete(wait);
      wait.onLate();
    }
  }
}
