import { getLogger } from "../../log.ts";
import {
  memoryBreach,
  type ReplaceCause,
  type Worker,
  type WorkerLimits,
  type WorkerListener,
} from "../workers/mod.ts";
import type { Occupancy } from "./occupancy.ts";
import type { RecyclePolicy } from "./recycle_policy.ts";

/** Dependencies of a {@link WorkerWatch}. */
export interface WorkerWatchDeps {
  readonly limits: WorkerLimits;
  readonly recycling: RecyclePolicy;
  occupancyOf(worker: Worker): Occupancy | undefined;
  /** Lets a worker be succeeded by another one. */
  succeed(occupancy: Occupancy, cause: ReplaceCause, how: { readonly wears: boolean }): void;
  /** Lets a worker end that was asked to from outside the host. */
  leaves(occupancy: Occupancy): void;
  onLost(worker: Worker): void;
  onImported(path: string): void;
}

/** Listens to the workers of a pool, and decides which ones must end because of what they say. */
export class WorkerWatch implements WorkerListener<Worker> {
  readonly #deps: WorkerWatchDeps;

  constructor(deps: WorkerWatchDeps) {
    this.#deps = deps;
  }

  onLost(worker: Worker): void {
    this.#deps.onLost(worker);
  }

  onLeaving(worker: Worker): void {
    const occupancy = this.#deps.occupancyOf(worker);
    // A worker that is not in its slot yet is checked when it takes the slot.
    if (occupancy !== undefined && !worker.stopRequested) this.#deps.leaves(occupancy);
  }

  onMemory(worker: Worker, rssBytes: number): void {
    const breach = memoryBreach(this.#deps.limits, rssBytes);
    const occupancy = this.#deps.occupancyOf(worker);
    if (occupancy === undefined) return;
    if (breach !== undefined) {
      getLogger("pool").error("{workerId} {breach}", { workerId: worker.id, breach: breach.text });
      worker.killForFault(breach.text, breach);
      return;
    }
    const cause = this.#deps.recycling.memoryCause(rssBytes);
    if (cause !== undefined) this.#deps.succeed(occupancy, cause, { wears: true });
  }

  onImported(path: string): void {
    this.#deps.onImported(path);
  }

  onWorn(worker: Worker): void {
    const occupancy = this.#deps.occupancyOf(worker);
    const { callsCause } = this.#deps.recycling;
    if (occupancy !== undefined) this.#deps.succeed(occupancy, callsCause, { wears: false });
  }
}
