/** Which places of a pool are left empty after crashes, and for how long. */
export interface TaintOptions {
  readonly size: number;
  /** Length of the window in which crashes are counted. */
  readonly crashWindowMs: number;
  /** Crashes in one place within the window that taint it; 0 taints none. */
  readonly taintAfter: number;
  /** Time that a tainted place stays empty. */
  readonly taintMs: number;
}

/** A place that stays empty for a while. */
export interface TaintedPlace {
  /** The id that its workers have. */
  readonly workerId: string;
  /** What is left of its time. */
  readonly remainingMs: number;
}

/**
 * Places whose workers crash again and again. A place is not filled while it is tainted, so that starting workers only for
 * them to crash does not take the processor from the others; at most half of the places are at a time, so that the pool
 * always goes on, and none in a pool of one.
 *
 * This is apart from the back-off of StartBackoff, which is about workers that cannot be started, or die without a call;
 * a worker that crashes in a call is replaced at once until its place is tainted. A place waits for the longer of the two.
 */
export class Quarantine {
  readonly #options: TaintOptions;
  readonly #now: () => number;
  /** Times of crashes, oldest first, by place. */
  readonly #crashes = new Map<string, number[]>();
  /** Ends of taints, by place. */
  readonly #until = new Map<string, number>();

  constructor(options: TaintOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
  }

  /** Counts a crash that a worker itself caused; true when the crash taints the place. */
  crashed(workerId: string): boolean {
    const { size, crashWindowMs, taintAfter, taintMs } = this.#options;
    if (taintAfter === 0) return false;
    const now = this.#now();
    const recent = [...this.#crashes.get(workerId) ?? [], now]
      .filter((at) => now - at < crashWindowMs).slice(-taintAfter);
    this.#crashes.set(workerId, recent);
    if (recent.length < taintAfter || this.places.length >= Math.floor(size / 2)) return false;
    this.#crashes.delete(workerId);
    this.#until.set(workerId, now + taintMs);
    return true;
  }

  /** How long a place has to stay empty from now on. */
  pauseMs(workerId: string): number {
    return Math.max(0, (this.#until.get(workerId) ?? -Infinity) - this.#now());
  }

  /** Those that are tainted now. */
  get places(): readonly TaintedPlace[] {
    for (const workerId of [...this.#until.keys()]) {
      if (this.pauseMs(workerId) === 0) this.#until.delete(workerId);
    }
    return [...this.#until.keys()].map((workerId) => ({
      workerId,
      remainingMs: Math.ceil(this.pauseMs(workerId)),
    }));
  }
}
