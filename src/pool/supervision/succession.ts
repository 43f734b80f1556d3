import { delay, Semaphore } from "../../async/mod.ts";
import { getLogger } from "../../log.ts";
import type { StopOptions, Worker } from "../workers/mod.ts";
import type { Occupancy } from "./occupancy.ts";
import type { Slot } from "./slot.ts";
import { StartBackoff } from "./start_backoff.ts";
import type { WorkerStarter } from "./worker_starter.ts";

/** A worker that is worn before this may have been worn from the start. */
const SHORT_LIFE_MS = 10_000;

/** What a succession needs. */
export interface SuccessionDeps {
  readonly starter: WorkerStarter;
  readonly stopOptions: StopOptions;
  /** Ends all successions. */
  readonly stopping: AbortSignal;
  /** Puts a successor into the slot of its predecessor, whose calls it takes from then on. */
  occupy(slot: Slot, successor: Worker, predecessor: Worker): Occupancy;
  /** Called when the successor of a worker could not be started. */
  onNoSuccessor(worker: Worker): void;
}

/**
 * Replaces workers that live. A worker serves on until its successor is ready; then the successor
 * takes its calls, and it finishes what it runs and ends. When the successor cannot be started the
 * worker goes on, and another one is started after a pause.
 *
 * One successor starts at a time: no pool needs the memory of many workers more than it has.
 */
export class Succession {
  readonly #deps: SuccessionDeps;
  readonly #log = getLogger("pool");
  readonly #turns = new Semaphore(1);
  #completed = 0;

  constructor(deps: SuccessionDeps) {
    this.#deps = deps;
  }

  /** The number of successors that have taken over. */
  get completed(): number {
    return this.#completed;
  }

  /**
   * Replaces a worker, unless that is under way.
   *
   * @param options.wears True for what a worker does to itself. When it has served shortly, its
   * successor waits: it would be worn as soon.
   */
  begin(occupancy: Occupancy, reason: string, options: { readonly wears: boolean }): void {
    if (this.#deps.stopping.aborted || occupancy.isEnding) return;
    const { worker, slot: { renewals } } = occupancy;
    this.#log.info("replacing {workerId}: {reason}", { workerId: worker.id, reason });
    if (options.wears && worker.servedMs < SHORT_LIFE_MS) renewals.failed();
    else renewals.reset();
    occupancy.handOn(this.#succeed(occupancy, renewals.pauseMs));
  }

  /** Starts successors until one takes over, or there is nothing to take over any more. */
  async #succeed(occupancy: Occupancy, pauseMs: number): Promise<Occupancy | undefined> {
    const { worker, slot } = occupancy;
    const { stopping, stopOptions } = this.#deps;
    const starts = new StartBackoff();
    const over = AbortSignal.any([stopping, occupancy.ended]);
    await delay(pauseMs, over);
    while (!over.aborted) {
      const successor = await this.#turns.enter(() => this.#start(slot, starts, over));
      if (successor !== undefined) {
        this.#completed++;
        const next = this.#deps.occupy(slot, successor, worker);
        void worker.stop({ ...stopOptions, patient: true });
        return next;
      }
      this.#deps.onNoSuccessor(worker);
      await delay(starts.pauseMs, over);
    }
    return undefined;
  }

  async #start(slot: Slot, starts: StartBackoff, over: AbortSignal): Promise<Worker | undefined> {
    if (over.aborted) return undefined;
    const { worker, failure } = await this.#deps.starter.start(slot.id);
    if (failure === undefined) return worker;
    starts.failed(failure);
    return undefined;
  }
}
