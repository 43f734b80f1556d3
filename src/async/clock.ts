/** The source of time of a pool. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Calls `ring` after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, ring: () => void): () => void;
}

/** The time of this process. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (delayMs, ring) => {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};
