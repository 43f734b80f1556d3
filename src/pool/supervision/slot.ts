import { Backoff } from "../../async/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import type { Worker } from "../workers/mod.ts";
import type { PoolDevices, Trial } from "./devices/mod.ts";
import { PAUSES, type PoolHealth, type Quarantine, StartBackoff } from "./health/mod.ts";
import type { Pauses } from "./pauses.ts";
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
  /** Returns true if a slot that has become empty, or whose start has failed, is to be filled. */
  isNeeded(slot: Slot, attempt: { readonly hasFailed: boolean }): boolean;
  /** Called when an attempt to fill a slot has ended, and when a slot has come to rest. */
  onChange(slot: Slot): void;
}

/**
 * A numbered position of a pool, with one worker at a time. A slot rests until it is woken. In a
 * loop, it then pauses, starts a worker, and waits until the worker has left. It comes to rest when
 * it is told to, or is not needed any more, once its worker has left. A first start that was ended
 * by a signal from outside counts as a failure only after several in a row, since the slot did not
 * cause it.
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
  /** True while a worker serves in it. */
  #isServed = false;
  #isWanted = false;
  /** Aborts when it is to come to rest. */
  #rest = new AbortController();
  #loop: Promise<void> | undefined;
  #attempt = Promise.withResolvers<void>();
  #restarts = 0;
  #hasTried = false;
  /** The number of calls of {@link Slot.startAfresh} so far. */
  #beginnings = 0;

  constructor({ id, place }: SlotIdentity, deps: SlotDeps) {
    this.id = id;
    this.place = place;
    this.#deps = deps;
  }

  /** The number of times that it was refilled after becoming empty, without a rest between. */
  get restarts(): number {
    return this.#restarts;
  }

  /** True from when it is woken until it is to come to rest. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** True while it is wanted, and while it still has a worker. */
  get isInUse(): boolean {
    return this.#loop !== undefined;
  }

  /** True while a worker serves in it. */
  get isServed(): boolean {
    return this.#isServed;
  }

  /** True if it will have a worker as soon as one can be started. */
  get isFilling(): boolean {
    return this.#isWanted && !this.#isServed && !this.isBarred;
  }

  /** True while nothing may be started in it, for a while. */
  get isBarred(): boolean {
    const { devices, quarantine } = this.#deps;
    return devices.isUnhealthy(this.place) || quarantine.pauseMs(this.id) > 0;
  }

  /** Resolves when it rests. */
  get rested(): Promise<void> {
    return this.#loop ?? Promise.resolve();
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

  /** Resolves when the next attempt to fill it has ended, or when it rests. */
  async attempted(): Promise<void> {
    await this.#attempt.promise;
  }

  /** Keeps it filled from now on. */
  wake(): void {
    if (this.#isWanted || this.#deps.stopping.aborted) return;
    this.#isWanted = true;
    this.#rest = new AbortController();
    this.#loop ??= this.#keepFilled();
  }

  /** Lets it come to rest, once its worker has left. That one, or its start, is ended elsewhere. */
  rest(): void {
    this.#isWanted = false;
    this.#rest.abort();
  }

  /** Resolves when it rests, or when it is stopped. */
  async #keepFilled(): Promise<void> {
    const { stopping } = this.#deps;
    let hasRested = true;
    while (!stopping.aborted && this.#isWanted) {
      const { signal } = this.#rest;
      const trial = await this.#pause(AbortSignal.any([stopping, signal]));
      if (stopping.aborted || signal.aborted) {
        trial?.giveUp();
        hasRested = true;
        continue;
      }
      if (!hasRested) this.#restarts++;
      hasRested = false;
      const hasFailed = await this.#fill(trial);
      if (this.#isWanted && !this.#deps.isNeeded(this, { hasFailed })) this.rest();
      hasRested = signal.aborted;
    }
    this.#loop = undefined;
    this.#attempted();
  }

  #attempted(): void {
    this.#attempt.resolve();
    this.#attempt = Promise.withResolvers();
    this.#deps.onChange(this);
  }

  /**
   * Waits for the longest of all pauses. Returns the trial if the worker is the first one that
   * starts on an unhealthy device.
   */
  async #pause(over: AbortSignal): Promise<Trial | undefined> {
    const { pauses, quarantine, devices, onFirstAttempt, onHeldUp } = this.#deps;
    this.#isPausing = true;
    if (this.isHeldUp) onHeldUp();
    await pauses.wait(Math.max(this.starts.pauseMs, quarantine.pauseMs(this.id)), over);
    if (this.isHeldUp && !this.#hasTried) {
      // The start of the pool does not wait for a device.
      this.#hasTried = true;
      onFirstAttempt();
    }
    const trial = this.isHeldUp ? await devices.turn(this.place, over) : undefined;
    this.#isPausing = false;
    if (trial !== undefined) onHeldUp();
    return trial;
  }

  /** Resolves when it is empty again, with true if no worker has become ready. */
  async #fill(trial: Trial | undefined): Promise<boolean> {
    const { starter, devices, health, stopping } = this.#deps;
    const beginning = this.#beginnings;
    const { worker, failure } = await starter.start(this);
    const isOwn = failure === undefined || !failure.signalled || worker.stopRequested;
    const isCurrent = failure === undefined || beginning === this.#beginnings;
    const isFirst = isCurrent && !this.#hasTried && (isOwn || this.starts.failures > 0);
    this.#hasTried ||= isFirst;
    let empty: Promise<void> | undefined;
    if (failure === undefined) {
      if (trial !== undefined) devices.begin(worker, trial);
      this.#isServed = true;
      empty = this.#deps.serve(this, worker);
    } else if (isCurrent && !stopping.aborted && !worker.stopRequested) {
      this.starts.failed(failure);
      health.failed(failure.reason, failure);
    }
    if (failure !== undefined) trial?.giveUp();
    if (isFirst) this.#deps.onFirstAttempt();
    this.#attempted();
    await empty;
    this.#isServed = false;
    return failure !== undefined;
  }
}
