/** The source of time. Tests inject their own. */
export interface Clock {
  /** Returns milliseconds since a fixed moment. Never decreases. */
  now(): number;
  /** Calls `ring` after `delayMs`; returns a function that cancels it. */
  after(delayMs: number, ring: () => void): () => void;
}

/** The clock of this process. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (delayMs, ring) => {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};
