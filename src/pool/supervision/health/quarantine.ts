/** Limits beyond which a slot is left empty after crashes, and for how long. */
export interface QuarantineLimits {
  /** The length of the window in which crashes are counted. */
  readonly crashWindowMs: number;
  /** The number of crashes within the window that puts a slot into quarantine; 0 for never. */
  readonly taintAfter: number;
  /** The time that a slot in quarantine stays empty. */
  readonly taintMs: number;
}

/** Options of a {@link Quarantine}. */
export interface QuarantineOptions extends QuarantineLimits {
  /** The most workers of the pool. */
  readonly size: number;
}

/** A slot that stays empty for a while. */
export interface QuarantinedSlot {
  /** The id that its workers have. */
  readonly workerId: string;
  /** The rest of its time in quarantine. */
  readonly remainingMs: number;
}

/**
 * Slots whose workers crash again and again. A slot in quarantine is not filled, so that starting
 * workers only for them to crash does not take the processor from the others. At most half of the
 * slots are in quarantine at a time, so that the pool always goes on, and none in a pool of one.
 *
 * This is independent of StartBackoff, which is about workers that cannot be started or end outside
 * a call. A worker that crashes in a call is replaced at once, until its slot is in quarantine. A
 * slot waits for the longer of the two.
 */
export class Quarantine {
  readonly #options: QuarantineOptions;
  /** The most workers that the pool may have now. */
  size: number;
  readonly #now: () => number;
  /** The times of crashes, the oldest first, by worker id. */
  readonly #crashes = new Map<string, number[]>();
  /** The ends of quarantines, by worker id. */
  readonly #until = new Map<string, number>();

  constructor(options: QuarantineOptions, now: () => number) {
    this.#options = options;
    this.size = options.size;
    this.#now = now;
  }

  /**
   * Counts a crash that a worker itself caused; returns true when it puts the slot into quarantine.
   */
  crashed(workerId: string): boolean {
    const { crashWindowMs, taintAfter, taintMs } = this.#options;
    if (taintAfter === 0) return false;
    const now = this.#now();
    const recent = [...this.#crashes.get(workerId) ?? [], now]
      .filter((at) => now - at < crashWindowMs).slice(-taintAfter);
    this.#crashes.set(workerId, recent);
    if (recent.length < taintAfter || this.slots.length >= Math.floor(this.size / 2)) return false;
    this.#crashes.delete(workerId);
    this.#until.set(workerId, now + taintMs);
    return true;
  }

  /** Forgets all crashes, and ends all quarantines. */
  clear(): void {
    this.#crashes.clear();
    this.#until.clear();
  }

  /** Returns for how long a slot must stay empty from now on. */
  pauseMs(workerId: string): number {
    return Math.max(0, (this.#until.get(workerId) ?? -Infinity) - this.#now());
  }

  /** The slots that are in quarantine now. */
  get slots(): readonly QuarantinedSlot[] {
    for (const workerId of [...this.#until.keys()]) {
      if (this.pauseMs(workerId) === 0) this.#until.delete(workerId);
    }
    return [...this.#until.keys()].map((workerId) => ({
      workerId,
      remainingMs: Math.ceil(this.pauseMs(workerId)),
    }));
  }
}
