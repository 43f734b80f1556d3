/** Something that has to come to its end in time. */
export interface Wait {
  /** When it began, on the clock of `performance.now()`; set by {@link TimeLimit}. */
  since: number;
  /** Called once when it has taken too long. */
  onLate(): void;
}

/**
 * One limit for many waits. It has no timer of its own, as one for each request would cost more
 * than a small request itself: its owner calls {@link TimeLimit.check} now and then.
 */
export class TimeLimit {
  readonly #limitMs: number;
  /** In the order in which they began. */
  readonly #waits = new Set<Wait>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Begins a wait, anew when it had begun. */
  begin(wait: Wait): void {
    this.#waits.delete(wait);
    wait.since = performance.now();
    this.#waits.add(wait);
  }

  end(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /** The waits of at least `ageMs`, oldest first. */
  *olderThan(ageMs: number): Generator<Wait> {
    const latest = performance.now() - ageMs;
    for (const wait of this.#waits) {
      if (wait.since > latest) return;
      yield wait;
    }
  }

  /** Ends what has taken too long. */
  check(): void {
    for (const wait of this.olderThan(this.#limitMs)) {
      this.#waits.delete(wait);
      wait.onLate();
    }
  }
}
