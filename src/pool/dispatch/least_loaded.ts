/** A worker, as far as its room for calls goes. */
export interface Roomy {
  /** The most calls that it runs at a time. */
  readonly capacity: number;
  /** The calls that it was given, and the number of those that it has answered. */
  readonly calls: number;
  readonly answered: number;
  hasRoom(budgetMs: number, now: number): boolean;
}

/** Returns the number of calls that a worker would begin at once. */
export function freePlaces(worker: Roomy): number {
  const { capacity, calls, answered } = worker;
  return worker.hasRoom(0, 0) ? Math.max(0, capacity - (calls - answered)) : 0;
}

/**
 * Returns the worker with the fewest calls of those that would begin one more at once. Of idle
 * workers, the first one in their list is taken.
 */
export function leastLoaded<W extends Roomy>(
  { idle, serving }: { readonly idle: readonly W[]; readonly serving: readonly W[] },
  accepts: (worker: W) => boolean,
): W | undefined {
  const rested = idle.find(accepts);
  if (rested !== undefined) return rested;
  let best: W | undefined;
  let most = 0;
  for (const worker of serving) {
    const free = freePlaces(worker);
    if (free > most && accepts(worker)) [best, most] = [worker, free];
  }
  return best;
}
