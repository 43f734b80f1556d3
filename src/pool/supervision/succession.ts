import { Condition, Semaphore } from "../../async/mod.ts";
import { getLogger } from "../../log.ts";
import type { ReplaceCause, StopOptions, Worker } from "../workers/mod.ts";
import type { PoolDevices } from "./devices/mod.ts";
import { StartBackoff } from "./health/mod.ts";
import type { Occupancy } from "./occupancy.ts";
import type { Pauses } from "./pauses.ts";
import type { ReplacePolicy } from "./replace_policy.ts";
import type { Slot } from "./slot.ts";
import type { WorkerStarter } from "./worker_starter.ts";

/** A worker that reaches a limit sooner than this may have exceeded it from the start. */
const SHORT_LIFE_MS = 10_000;

/** Dependencies of a succession. */
export interface SuccessionDeps {
  readonly starter: WorkerStarter;
  readonly devices: PoolDevices;
  readonly policy: ReplacePolicy;
  readonly stopOptions: StopOptions;
  readonly pauses: Pauses;
  /** Ends all successions. */
  readonly stopping: AbortSignal;
  /** Puts a successor into the slot of its predecessor, whose calls it takes from then on. */
  occupy(slot: Slot, successor: Worker, predecessor: Worker): Occupancy;
  /** Lets a worker take no more calls, and end. Its slot is empty once it has exited. */
  retire(occupancy: Occupancy): void;
  /** Called when a worker must serve on, since no successor can be started for the moment. */
  onNoSuccessor(worker: Worker): void;
}

/** The time and the log of a replacement. */
interface Plan {
  /** The pause before it begins. */
  readonly pauseMs: number;
  readonly level: "info" | "debug";
}

/** The end of a replacement. */
interface Outcome {
  /** The occupancy of the successor; undefined if the slot becomes empty. */
  readonly next: Occupancy | undefined;
}

/**
 * Replaces live workers, one at a time. The {@link ReplacePolicy} chooses the order:
 *
 * - The successor starts first. A worker keeps serving until its successor is ready. The successor
 *   then takes new calls, and the old worker finishes its own and ends. If the successor cannot be
 *   started, the old worker keeps serving, and another successor is started after a pause. A pool
 *   never needs the memory of more than one extra worker.
 * - The worker stops first. It takes no more calls, finishes its own and ends. Then its slot is
 *   empty, and is filled as after a crash. Until that is done, no other worker is stopped, so that
 *   a pool never lacks more than one worker because of replacements.
 *
 * No worker is replaced on an unhealthy device, where its successor would probably crash: the old
 * worker, which works, keeps serving until the device is healthy.
 */
export class Succession {
  readonly #deps: SuccessionDeps;
  readonly #log = getLogger("pool");
  readonly #turns = new Semaphore(1);
  /** The successions that are under way, with the pauses between their starts. */
  readonly #underWay = new Map<Occupancy, StartBackoff>();
  /** The slot whose worker was stopped first, until it is filled again. */
  #emptied: Slot | undefined;
  readonly #refill = new Condition();
  #handedOver = 0;
  #refilled = 0;

  constructor(deps: SuccessionDeps) {
    this.#deps = deps;
  }

  /** The number of successors that have taken over from live workers. */
  get handedOver(): number {
    return this.#handedOver;
  }

  /** The number of workers that were replaced, in either order. */
  get completed(): number {
    return this.#handedOver + this.#refilled;
  }

  /** Forgets earlier failures of the successions that are under way. */
  startAfresh(): void {
    for (const backoff of this.#underWay.values()) backoff.reset();
  }

  /** Notes that a worker serves in a slot. */
  filled(slot: Slot): void {
    if (slot !== this.#emptied) return;
    this.#emptied = undefined;
    this.#refilled++;
    this.#refill.notify();
  }

  /** Notes that a slot stays empty until its device is healthy. Nobody waits for that. */
  heldUp(slot: Slot): void {
    if (slot !== this.#emptied) return;
    this.#emptied = undefined;
    this.#refill.notify();
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
    cause: ReplaceCause,
    options: { readonly wears: boolean; readonly isQuiet?: boolean },
  ): void {
    if (this.#deps.stopping.aborted || occupancy.isEnding) return;
    const { worker, slot: { renewals } } = occupancy;
    const level = options.isQuiet ? "debug" : "info";
    this.#log[level]("replacing {workerId}: {reason}", {
      workerId: worker.id,
      device: worker.place?.device.id,
      reason: cause.text,
    });
    worker.replaceCause = cause;
    if (options.wears && worker.servedMs < SHORT_LIFE_MS) renewals.failed();
    else renewals.reset();
    occupancy.handOn(this.#succeed(occupancy, { pauseMs: renewals.pauseMs, level }));
    this.#letWaitingServe();
  }

  /**
   * Lets workers serve on, beyond their limit of calls, that wait for a slot to be filled. That
   * takes as long as the worker in it has calls, and as long as none can be started.
   */
  #letWaitingServe(): void {
    if (this.#emptied === undefined) return;
    for (const { slot, worker } of this.#underWay.keys()) {
      if (slot !== this.#emptied) this.#deps.onNoSuccessor(worker);
    }
  }

  /**
   * Tries to replace a worker until that is done, or it no longer holds its slot. Resolves with its
   * successor if there is one.
   */
  async #succeed(occupancy: Occupancy, plan: Plan): Promise<Occupancy | undefined> {
    const { pauses, stopping } = this.#deps;
    const starts = new StartBackoff();
    const over = AbortSignal.any([stopping, occupancy.ended]);
    this.#underWay.set(occupancy, starts);
    try {
      await pauses.wait(plan.pauseMs, over);
      while (!over.aborted) {
        if (this.#isOnUnhealthy(occupancy)) await this.#whenHealthy(occupancy, over);
        const turn = (): Promise<Outcome | undefined> => this.#replace(occupancy, plan, over);
        const outcome = await this.#turns.enter(turn, over);
        if (outcome !== undefined) return outcome.next;
        await pauses.wait(starts.pauseMs, over);
      }
    } catch (error) {
      // It was over before its turn came, or while it waited for another slot.
      if (!over.aborted) throw error;
    } finally {
      this.#underWay.delete(occupancy);
    }
    return undefined;
  }

  #isOnUnhealthy({ slot }: Occupancy): boolean {
    return this.#deps.devices.isUnhealthy(slot.place);
  }

  async #whenHealthy({ worker, slot }: Occupancy, over: AbortSignal): Promise<void> {
    const { devices, onNoSuccessor } = this.#deps;
    this.#log.info("{workerId} goes on until its device is healthy", {
      workerId: worker.id,
      device: slot.place?.device.id,
    });
    onNoSuccessor(worker);
    await devices.whenHealthy(slot.place, over);
  }

  /** Returns undefined if the worker was not replaced. */
  async #replace(
    occupancy: Occupancy,
    { level }: Plan,
    over: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { worker } = occupancy;
    const { policy } = this.#deps;
    const freeBytes = await policy.freeBytes(worker, over);
    // The device may have become unhealthy while the worker waited for its turn.
    if (over.aborted || this.#isOnUnhealthy(occupancy)) return undefined;
    const reason = policy.reasonToStopFirst(worker, freeBytes);
    if (reason === undefined) return await this.#startFirst(occupancy);
    await this.#refill.until(() => this.#emptied === undefined, over);
    if (this.#isOnUnhealthy(occupancy)) return undefined;
    // Something else may have stopped it meanwhile.
    if (!worker.stopRequested) {
      this.#log[level]("{workerId} ends before its successor starts: {reason}", {
        workerId: worker.id,
        device: worker.place?.device.id,
        reason,
      });
      this.#emptied = occupancy.slot;
      this.#deps.retire(occupancy);
      this.#letWaitingServe();
    }
    return { next: undefined };
  }

  async #startFirst(occupancy: Occupancy): Promise<Outcome | undefined> {
    const { slot, worker: predecessor } = occupancy;
    const { starter, devices, stopOptions, stopping } = this.#deps;
    const { worker, failure } = await starter.start(slot);
    if (failure === undefined) {
      this.#handedOver++;
      const next = this.#deps.occupy(slot, worker, predecessor);
      void devices.letProve(worker, AbortSignal.any([stopping, next.ended]));
      void predecessor.stop({ ...stopOptions, patient: true });
      return { next };
    }
    // A worker that was stopped while it started is no evidence against the next one.
    if (worker.stopRequested) return undefined;
    this.#underWay.get(occupancy)?.failed(failure);
    this.#deps.onNoSuccessor(predecessor);
    return undefined;
  }
}
