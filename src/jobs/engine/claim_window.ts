/** The weight of a new run, or a new job, in an average. */
const WEIGHT = 0.1;
/** The least time that a job takes in all, whatever its tool does. */
const LEAST_RUN_MS = 0.02;
/** Bounds on the time for which a pool is given work ahead, in milliseconds. */
const MIN_AHEAD_MS = 4;
const MAX_AHEAD_MS = 40;
/** The most jobs that one pool is given ahead. */
const MAX_AHEAD = 1_000;
/** The most bytes of arguments that are claimed ahead, by their average length. */
const MAX_AHEAD_BYTES = 32 * 1024 * 1024;
/** The most jobs of one claim, so that their start does not hold up the event loop. */
const MAX_CLAIM = 500;

/** The state of a pool, as the size of a claim depends on it. */
export interface Room {
  /** The jobs that would begin at once, or as soon as workers that may be started are ready. */
  readonly free: number;
  /** The jobs that its workers run at a time. */
  readonly capacity: number;
  /** The calls that may still wait. */
  readonly queueRoom: number;
  /** The jobs of the pool that were claimed and have not ended. */
  readonly inFlight: number;
  /** False if only free places may be given jobs. */
  readonly mayRunAhead: boolean;
}

/**
 * Decides how many jobs to claim for a pool: one for each free place. If jobs run so briefly that
 * the workers would be idle while the next claim is under way, also those that the pool will
 * probably finish in that time.
 *
 * The expected time of a job is the average of those that have ended. Before the first one has, and
 * after jobs that were claimed ahead had to be given back, none is claimed ahead.
 */
export class ClaimWindow {
  #runMs: number | undefined;
  #argsBytes: number | undefined;
  #claimMs: number | undefined;

  /** Returns the number of jobs to claim now; 0 if there is no room. */
  slots({ free, capacity, queueRoom, inFlight, mayRunAhead }: Room): number {
    const ahead = mayRunAhead ? this.ahead(capacity) : 0;
    // A claim of few jobs would take as long as one of many, and leave the workers idle meanwhile.
    const refill = capacity + ahead - inFlight;
    const wanted = ahead > 0 && refill >= ahead / 2 ? Math.max(free, refill) : free;
    return Math.min(wanted, free + Math.max(0, queueRoom), MAX_CLAIM);
  }

  /** Returns the number of jobs to claim beyond those that run at a time. */
  ahead(capacity: number): number {
    if (this.#runMs === undefined) return 0;
    const aheadMs = Math.min(MAX_AHEAD_MS, Math.max(MIN_AHEAD_MS, 2 * (this.#claimMs ?? 0)));
    const byTime = capacity * aheadMs / Math.max(LEAST_RUN_MS, this.#runMs);
    const byBytes = MAX_AHEAD_BYTES / Math.max(1, this.#argsBytes ?? 0);
    return Math.max(0, Math.floor(Math.min(byTime - capacity, byBytes, MAX_AHEAD)));
  }

  /** Notes a run that has ended. */
  ran(runMs: number): void {
    this.#runMs = averaged(this.#runMs, runMs);
  }

  /** Notes a job that was claimed. */
  claimed(argsBytes: number): void {
    this.#argsBytes = averaged(this.#argsBytes, argsBytes);
  }

  /** Notes the time that a claim has taken that did not have to wait for jobs. */
  answered(claimMs: number): void {
    this.#claimMs = averaged(this.#claimMs, claimMs);
  }

  /** Notes that jobs had to be given back. */
  missed(): void {
    this.#runMs = undefined;
  }
}

function averaged(average: number | undefined, value: number): number {
  return average === undefined ? value : average + WEIGHT * (value - average);
}
