import { type Clock, Condition, SYSTEM_CLOCK } from "../../../async/mod.ts";
import { type DeviceCrash, DeviceRecord, type Trial } from "./device_record.ts";

/** A device on which nothing is started for a while, because its workers crashed too often. */
export interface UnhealthyDevice {
  /** The id of the device, such as `cuda:0`. */
  readonly deviceId: string;
  /** The time until a worker tries it again; 0 while one does, or is about to. */
  readonly remainingMs: number;
  /** The reason, and when it is tried again, for a person. */
  readonly reason: string;
}

/**
 * The health of the devices of one host, which all its pools share. A device on which workers crash
 * again and again, in whichever slot of whichever pool, is `unhealthy`: its slots stay empty,
 * since the next worker would crash as well. Each pool gives its own limits when it reports a
 * crash. Workers that are alive on the device go on.
 *
 * After `taintMs`, one worker at a time is started on the device. The other slots wait until it has
 * answered a call, or has run for a while. If a worker crashes before that, the device rests again,
 * twice as long as before up to a bound. The slot that has waited longest goes first, so that
 * another pool gets its turn when the worker of one pool fails.
 *
 * Unlike the {@link Quarantine} of slots, all devices may be unhealthy at a time: without a device
 * that works there is nothing to go on with, and calls are refused at once.
 *
 * Crashes that may have a cause outside the worker do not count, and neither does a worker that
 * cannot be started, which says more about its code. A call that crashes several workers counts
 * once, so that one poison call alone makes no device unhealthy.
 */
export class DeviceHealth {
  readonly #clock: Clock;
  readonly #records = new Map<string, DeviceRecord>();
  readonly #listeners = new Set<() => void>();
  readonly #changed = new Condition();

  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** The devices that are unhealthy now. */
  get unhealthy(): readonly UnhealthyDevice[] {
    return [...this.#records].filter(([, { isHealthy }]) => !isHealthy)
      .map(([deviceId, { remainingMs, reason }]) => ({ deviceId, remainingMs, reason }));
  }

  /** Returns the health of a device; one that is not known is healthy. */
  healthOf(deviceId: string): "healthy" | "unhealthy" {
    return this.#records.get(deviceId)?.isHealthy ?? true ? "healthy" : "unhealthy";
  }

  /** Returns for how long nothing may be started on a device from now on. */
  pauseMs(deviceId: string): number {
    return this.#records.get(deviceId)?.remainingMs ?? 0;
  }

  /** Counts a crash that a worker on this device itself caused. */
  crashed(deviceId: string, crash: DeviceCrash): void {
    let record = this.#records.get(deviceId);
    if (record === undefined) {
      record = new DeviceRecord(deviceId, this.#clock, () => this.#onChange());
      this.#records.set(deviceId, record);
    }
    record.crashed(crash);
  }

  /**
   * Resolves when a worker may be started on a device, with the trial if the device must still
   * prove itself; also when `signal` aborts, then without one.
   */
  async turn(deviceId: string, signal: AbortSignal): Promise<Trial | undefined> {
    return await this.#records.get(deviceId)?.turn(signal);
  }

  /** Resolves when a device has this health, or when `signal` aborts. */
  async when(
    deviceId: string,
    health: "healthy" | "unhealthy",
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#changed.until(() => this.healthOf(deviceId) === health, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Forgets the crashes of these devices, which are healthy then. */
  clear(deviceIds: Iterable<string>): void {
    for (const deviceId of deviceIds) this.#records.get(deviceId)?.clear();
  }

  /**
   * Calls `listener` after each change of the health of a device; returns a function that removes
   * it.
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #onChange(): void {
    for (const listener of [...this.#listeners]) listener();
    this.#changed.notify();
  }
}
