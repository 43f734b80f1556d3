import type { ReplaceCause, Worker } from "../workers/mod.ts";
import type { Occupancy } from "./occupancy.ts";

/** Dependencies of a {@link CodeTurnover}. */
export interface CodeTurnoverDeps {
  readonly cause: ReplaceCause;
  /** The workers that hold slots. */
  occupancies(): Iterable<Occupancy>;
  /** Lets a worker be succeeded by another one. */
  succeed(occupancy: Occupancy): void;
  /** Lets a worker end without the succession. Its slot is filled as soon as possible. */
  dismiss(occupancy: Occupancy): void;
}

/**
 * Replaces workers after a change of their code. One successor tries the code out. Once the first
 * worker with the new code is ready, the workers with older code are dismissed.
 */
export class CodeTurnover {
  readonly #deps: CodeTurnoverDeps;
  /** The {@link Worker.order} from which on workers have the newest code. */
  #newestFrom = 0;
  #outdated = 0;

  constructor(deps: CodeTurnoverDeps) {
    this.#deps = deps;
  }

  /** The number of workers with old code that were replaced without the succession. */
  get outdated(): number {
    return this.#outdated;
  }

  /** Returns true if a worker was created after the last change of the code. */
  hasNewestCode(worker: Worker): boolean {
    return worker.order >= this.#newestFrom;
  }

  /** Notes that workers with this {@link Worker.order} and above have new code. */
  changed(newestFrom: number): void {
    this.#newestFrom = newestFrom;
  }

  /** Notes that a worker is ready; the succession ends its predecessor, if it has one. */
  ready(predecessor: Worker | undefined): void {
    if (this.#newestFrom === 0) return;
    const { newest, outdated } = this.#byCode();
    if (newest.length === 0) return this.tryOut();
    for (const occupancy of outdated) {
      if (occupancy.worker === predecessor) continue;
      this.#outdated++;
      occupancy.worker.replaceCause = this.#deps.cause;
      this.#deps.dismiss(occupancy);
    }
  }

  /** Lets one worker be succeeded by one with the newest code, unless that is under way. */
  tryOut(): void {
    const { outdated } = this.#byCode();
    if (outdated.length === 0 || outdated.some(({ isEnding }) => isEnding)) return;
    const chosen = outdated.find(({ worker }) => worker.state === "ready") ?? outdated[0];
    if (chosen !== undefined) this.#deps.succeed(chosen);
  }

  /** The workers that take calls, by whether they have the newest code. */
  #byCode(): { readonly newest: Occupancy[]; readonly outdated: Occupancy[] } {
    const { newest = [], outdated = [] } = Object.groupBy(
      [...this.#deps.occupancies()].filter(({ worker }) => !worker.stopRequested),
      ({ worker }) => this.hasNewestCode(worker) ? "newest" : "outdated",
    );
    return { newest, outdated };
  }
}
