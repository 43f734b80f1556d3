import { Semaphore } from "../../async/mod.ts";
import { getLogger } from "../../log.ts";
import type { StopOptions, Worker } from "../workers/mod.ts";
import type { PoolDevices } from "./devices/mod.ts";
import type { Occupancy } from "./occupancy.ts";
import type { Pauses } from "./pauses.ts";
import type { Slot } from "./slot.ts";
import { StartBackoff } from "./start_backoff.ts";
import type { WorkerStarter } from "./worker_starter.ts";

/** A worker that reaches a limit sooner than this may have exceeded it from the start. */
const SHORT_LIFE_MS = 10_000;

/** Dependencies of a succession. */
export interface SuccessionDeps {
  readonly starter: WorkerStarter;
  readonly devices: PoolDevices;
  readonly stopOptions: StopOptions;
  readonly pauses: Pauses;
  /** Ends all successions. */
  readonly stopping: AbortSignal;
  /** Puts a successor into the slot of its predecessor, whose calls it takes from then on. */
  occupy(slot: Slot, successor: Worker, predecessor: Worker): Occupancy;
  /** Called when the successor of a worker could not be started. */
  onNoSuccessor(worker: Worker): void;
}

/**
 * Replaces live workers. A worker keeps serving until its successor is ready. The successor then
 * takes new calls, and the old worker finishes its own and ends. If the successor cannot be
 * started, the old worker keeps serving, and another successor is started after a pause.
 *
 * No successor starts on an unhealthy device, where it would probably crash: the old worker, which
 * works, keeps serving until the device is healthy.
 *
 * One successor starts at a time, so that a pool never needs the memory of more than one extra
 * worker.
 */
export class Succession {
  readonly #deps: SuccessionDeps;
  readonly #log = getLogger("pool");
  readonly #turns = new Semaphore(1);
  /** The pauses of the successions that are under way. */
  readonly #backoffs = new Set<StartBackoff>();
  #completed = 0;

  constructor(deps: SuccessionDeps) {
    this.#deps = deps;
  }

  /** The number of successors that have taken over. */
  get completed(): number {
    return this.#completed;
  }

  /** Forgets earlier failures of the successions that are under way. */
  startAfresh(): void {
    for (const backoff of this.#backoffs) backoff.reset();
  }

  /**
   * Starts to replace a worker, unless that is already under way.
   *
   * @param options.wears True if the worker has reached a limit by its own use. If that was soon
   * after its start, the successor waits, because it would reach the limit just as soon.
   * @param options.isQuiet True if the replacement is logged at `debug` only.
   */
  begin(
    occupancy: Occupancy,
    reason: string,
    options: { readonly wears: boolean; readonly isQuiet?: boolean },
  ): void {
    if (this.#deps.stopping.aborted || occupancy.isEnding) return;
    const { worker, slot: { renewals } } = occupancy;
    this.#log[options.isQuiet ? "debug" : "info"]("replacing {workerId}: {reason}", {
      workerId: worker.id,
      reason,
    });
    if (options.wears && worker.servedMs < SHORT_LIFE_MS) renewals.failed();
    else renewals.reset();
    occupancy.handOn(this.#succeed(occupancy, renewals.pauseMs));
  }

  /** Starts successors until one takes over, or the worker no longer holds its slot. */
  async #succeed(occupancy: Occupancy, pauseMs: number): Promise<Occupancy | undefined> {
    const { worker, slot } = occupancy;
    const { pauses, stopping, stopOptions } = this.#deps;
    const starts = new StartBackoff();
    const over = AbortSignal.any([stopping, occupancy.ended]);
    this.#backoffs.add(starts);
    try {
      await pauses.wait(pauseMs, over);
      while (!over.aborted) {
        if (this.#deps.devices.isUnhealthy(slot.place)) await this.#whenHealthy(occupancy, over);
        const successor = await this.#turns.enter(() => this.#start(occupancy, starts, over));
        if (successor !== undefined) {
          this.#completed++;
          const next = this.#deps.occupy(slot, successor, worker);
          void worker.stop({ ...stopOptions, patient: true });
          return next;
        }
        await pauses.wait(starts.pauseMs, over);
      }
      return undefined;
    } finally {
      this.#backoffs.delete(starts);
    }
  }

  async #whenHealthy({ worker, slot }: Occupancy, over: AbortSignal): Promise<void> {
    const { devices, onNoSuccessor } = this.#deps;
    this.#log.info("{workerId} goes on until its device is healthy", { workerId: worker.id });
    onNoSuccessor(worker);
    await devices.whenHealthy(slot.place, over);
  }

  async #start(
    { slot, worker: predecessor }: Occupancy,
    starts: StartBackoff,
    over: AbortSignal,
  ): Promise<Worker | undefined> {
    if (over.aborted) return undefined;
    const { worker, failure } = await this.#deps.starter.start(slot);
    if (failure === undefined) return worker;
    // A worker that was stopped while it started is no evidence against the next one.
    if (worker.stopRequested) return undefined;
    starts.failed(failure);
    this.#deps.onNoSuccessor(predecessor);
    return undefined;
  }
}
