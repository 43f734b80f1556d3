/** The weight of a new run in the average. */
const WEIGHT = 0.1;
/** A run counts as at most this many times the average ... */
const MAX_FACTOR = 4;
/** ... and this much more, so that an average near zero can grow. */
const MAX_EXTRA_MS = 0.05;

/**
 * The times that the tools of one pool are expected to run: a moving average of the times that
 * workers have reported. The effect of a single run is bounded, so that a run that lost its
 * processor for a while does not make its tool look slow. A tool that has become slow shows within
 * about ten runs.
 */
export class RunTimes {
  readonly #averages = new Map<string, { ms: number }>();

  /** Returns the expected time in milliseconds; Infinity for a tool that has not run yet. */
  expected(tool: string): number {
    return this.#averages.get(tool)?.ms ?? Infinity;
  }

  /** Adds a run to the average. An invalid duration is ignored. */
  note(tool: string, runMs: number): void {
    if (!(runMs >= 0 && runMs < Infinity)) return;
    const average = this.#averages.get(tool);
    if (average === undefined) this.#averages.set(tool, { ms: runMs });
    else {
      const bounded = Math.min(runMs, average.ms * MAX_FACTOR + MAX_EXTRA_MS);
      average.ms += WEIGHT * (bounded - average.ms);
    }
  }
}
