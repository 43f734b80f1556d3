import type { Place } from "../../../hardware/mod.ts";
import type { Worker } from "../../workers/mod.ts";
import { DeviceDemand } from "./device_demand.ts";
import type { DeviceHealth, UnhealthyDevice } from "./device_health.ts";
import type { DeviceCrash, Trial } from "./device_record.ts";

/** Options of {@link PoolDevices}. */
export interface PoolDevicesOptions extends Omit<DeviceCrash, "callId"> {
  /** The places of the slots. */
  readonly places?: readonly Place[];
}

/** The parts of a host that its pools share, and the pool itself. */
export interface PoolDevicesDeps {
  /** The health of the devices of the host. Default: nothing counts crashes. */
  readonly deviceHealth?: DeviceHealth | undefined;
  /** Default: that of this pool alone. */
  readonly deviceDemand?: DeviceDemand | undefined;
  /** Lists the places at which workers of the pool start, or are about to start. */
  startingAt(): readonly Place[];
  /** Called after each change of the health of a device of the host. */
  onChange(): void;
}

/**
 * The accelerators of one pool, and their health. A slot without a place, or on the processor, is
 * never held up: its crashes say nothing about a device.
 */
export class PoolDevices {
  /** The ids of all devices of the pool, in the order of the slots. */
  readonly assigned: readonly string[];
  /** The ids of its accelerators, in the same order. */
  readonly ids: ReadonlySet<string>;
  readonly #limits: DeviceCrash;
  readonly #health: DeviceHealth | undefined;
  readonly #demand: DeviceDemand;
  readonly #close: () => void;
  /** The workers that try a device, and those whose trial is over but that are still alive. */
  readonly #trials = new Map<Worker, Trial>();

  constructor(options: PoolDevicesOptions, deps: PoolDevicesDeps) {
    const { places = [], crashWindowMs, taintAfter, taintMs } = options;
    const { deviceHealth, deviceDemand = new DeviceDemand() } = deps;
    this.assigned = [...new Set(places.map(({ device }) => device.id))];
    this.ids = new Set(places.flatMap((it) => idOf(it) ?? []));
    this.#limits = { crashWindowMs, taintAfter, taintMs };
    this.#health = this.ids.size === 0 ? undefined : deviceHealth;
    this.#demand = deviceDemand;
    const stopListening = this.#health?.onChange(() => deps.onChange());
    const leave = deviceDemand.join(() => deps.startingAt());
    this.#close = () => {
      stopListening?.();
      leave();
    };
  }

  /** Its devices that are unhealthy now. */
  get unhealthy(): readonly UnhealthyDevice[] {
    return this.#health?.unhealthy.filter(({ deviceId }) => this.ids.has(deviceId)) ?? [];
  }

  /** Returns true while nothing may be started at this place, except by a trial. */
  isUnhealthy(place: Place | undefined): boolean {
    const id = idOf(place);
    return id !== undefined && this.#health?.healthOf(id) === "unhealthy";
  }

  /** Counts a crash that a worker itself caused; see {@link DeviceCrash} for the call. */
  crashed(place: Place | undefined, callId: string | undefined): void {
    const id = idOf(place);
    if (id !== undefined) this.#health?.crashed(id, { ...this.#limits, callId });
  }

  /** Waits until a worker may be started at this place; see {@link DeviceHealth.turn}. */
  async turn(place: Place | undefined, signal: AbortSignal): Promise<Trial | undefined> {
    const id = idOf(place);
    return id === undefined ? undefined : await this.#health?.turn(id, signal);
  }

  /** Waits until the device of this place is healthy, or `signal` aborts. */
  async whenHealthy(place: Place | undefined, signal: AbortSignal): Promise<void> {
    const id = idOf(place);
    if (id !== undefined) await this.#health?.when(id, "healthy", signal);
  }

  /** Resolves when `work` does, or when the device of this place is unhealthy. */
  async unlessUnhealthy(place: Place | undefined, work: Promise<void>): Promise<void> {
    const id = idOf(place);
    if (id === undefined || this.#health === undefined) return await work;
    const done = new AbortController();
    try {
      await Promise.race([work, this.#health.when(id, "unhealthy", done.signal)]);
    } finally {
      done.abort();
    }
  }

  /**
   * Lets a worker that lives prove its device when the rest is over, if the device became unhealthy
   * while the worker started: when the slot that crashed is filled by it, no other one waits.
   *
   * @param over Aborts when the worker has exited.
   */
  async letProve(worker: Worker, over: AbortSignal): Promise<void> {
    const trial = await this.turn(worker.place, over);
    if (trial === undefined) return;
    if (over.aborted) trial.giveUp();
    else this.begin(worker, trial);
  }

  /** Begins the trial of a worker that is ready. */
  begin(worker: Worker, trial: Trial): void {
    this.#trials.set(worker, trial);
    trial.begin();
  }

  /** Must be called with each worker that has answered a call. */
  answered(worker: Worker): void {
    // Every answer passes here.
    if (this.#trials.size === 0) return;
    this.#trials.get(worker)?.prove();
    this.#trials.delete(worker);
  }

  /** Must be called with each worker that has exited, after its crash was counted. */
  exited(worker: Worker): void {
    this.#trials.get(worker)?.giveUp();
    this.#trials.delete(worker);
  }

  /** Forgets the crashes of its devices, for all pools. */
  clear(): void {
    this.#health?.clear(this.ids);
  }

  /** Returns the memory that starts of all pools are about to take; see {@link DeviceDemand}. */
  demandedBytes(deviceId: string): number | null {
    return this.#demand.bytesOn(deviceId);
  }

  /** Stops listening to changes. Its workers need no more memory. */
  close(): void {
    this.#close();
  }
}

/** Returns the id of an accelerator; undefined for the processor. */
function idOf(place: Place | undefined): string | undefined {
  return place === undefined || place.device.kind === "cpu" ? undefined : place.device.id;
}
