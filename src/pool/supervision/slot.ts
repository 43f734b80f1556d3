import { Backoff } from "../../async/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import type { Worker } from "../workers/mod.ts";
import type { PoolDevices, Trial } from "./devices/mod.ts";
import type { Pauses } from "./pauses.ts";
import type { PoolHealth } from "./pool_health.ts";
import type { Quarantine } from "./quarantine.ts";
import { PAUSES, StartBackoff } from "./start_backoff.ts";
import type { SlotIdentity, WorkerStarter } from "./worker_starter.ts";

/** Dependencies of a slot. */
export interface SlotDeps {
  readonly starter: WorkerStarter;
  readonly health: PoolHealth;
  readonly quarantine: Quarantine;
  readonly devices: PoolDevices;
  readonly pauses: Pauses;
  /** Aborts when the supervisor stops filling slots. */
  readonly stopping: AbortSignal;
  /** Lets a worker serve in a slot. Resolves when the slot is empty again. */
  serve(slot: Slot, worker: Worker): Promise<void>;
  /** Called when {@link Slot.isHeldUp} may have changed. */
  onHeldUp(): void;
  /** Called when the result of the first attempt to fill a slot is known. */
  onFirstAttempt(): void;
}

/**
 * A numbered position of a pool, with one worker at a time. In a loop, it pauses, starts a worker,
 * and waits until the worker has left. A first start that was ended by a signal from outside counts
 * as a failure only after several in a row, since the slot did not cause it.
 */
export class Slot implements SlotIdentity {
  readonly id: string;
  readonly place: Place | undefined;
  /**
   * The pauses before starts in this slot. Workers of other slots do not shorten them by answering.
   */
  readonly starts = new StartBackoff();
  /** The pauses before a successor replaces a worker that reached a limit soon after its start. */
  readonly renewals = new Backoff(PAUSES);
  readonly #deps: SlotDeps;
  /** True while it has no worker and starts none. */
  #isPausing = false;
  #attempts = 0;
  #hasTried = false;
  /** The number of calls of {@link Slot.startAfresh} so far. */
  #beginnings = 0;

  constructor({ id, place }: SlotIdentity, deps: SlotDeps) {
    this.id = id;
    this.place = place;
    this.#deps = deps;
  }

  /** The number of times that it was refilled after becoming empty. */
  get restarts(): number {
    return Math.max(0, this.#attempts - 1);
  }

  /** True while it stays empty because its device is unhealthy. */
  get isHeldUp(): boolean {
    return this.#isPausing && this.#deps.devices.isUnhealthy(this.place);
  }

  /**
   * Forgets earlier failures, since what the workers run has changed. An attempt that is under way
   * counts only if it succeeds.
   *
   * @param options.asFirst True if the next attempt counts as the first one.
   */
  startAfresh({ asFirst }: { readonly asFirst: boolean }): void {
    this.#beginnings++;
    this.starts.reset();
    this.renewals.reset();
    if (asFirst) this.#hasTried = false;
  }

  /** Keeps it filled. Resolves when it is stopped. */
  async keepFilled(): Promise<void> {
    const { stopping } = this.#deps;
    while (!stopping.aborted) {
      const trial = await this.#pause();
      if (!stopping.aborted) await this.#fill(trial);
      else trial?.giveUp();
    }
  }

  /**
   * Waits for the longest of all pauses. Returns the trial if the worker is the first one that
   * starts on an unhealthy device.
   */
  async #pause(): Promise<Trial | undefined> {
    const { pauses, quarantine, devices, stopping, onFirstAttempt, onHeldUp } = this.#deps;
    this.#isPausing = true;
    if (this.isHeldUp) onHeldUp();
    await pauses.wait(Math.max(this.starts.pauseMs, quarantine.pauseMs(this.id)), stopping);
    if (this.isHeldUp && !this.#hasTried) {
      // The start of the pool does not wait for a device.
      this.#hasTried = true;
      onFirstAttempt();
    }
    const trial = this.isHeldUp ? await devices.turn(this.place, stopping) : undefined;
    this.#isPausing = false;
    if (trial !== undefined) onHeldUp();
    return trial;
  }

  async #fill(trial: Trial | undefined): Promise<void> {
    const { starter, devices, health, stopping } = this.#deps;
    const beginning = this.#beginnings;
    this.#attempts++;
    const { worker, failure } = await starter.start(this);
    const isOwn = failure === undefined || !failure.signalled || worker.stopRequested;
    const isCurrent = failure === undefined || beginning === this.#beginnings;
    const isFirst = isCurrent && !this.#hasTried && (isOwn || this.starts.failures > 0);
    this.#hasTried ||= isFirst;
    let empty: Promise<void> | undefined;
    if (failure === undefined) {
      if (trial !== undefined) devices.begin(worker, trial);
      empty = this.#deps.serve(this, worker);
    } else if (isCurrent && !stopping.aborted && !worker.stopRequested) {
      this.starts.failed(failure);
      health.failed(failure.reason, failure);
    }
    if (failure !== undefined) trial?.giveUp();
    if (isFirst) this.#deps.onFirstAttempt();
    await empty;
  }
}
