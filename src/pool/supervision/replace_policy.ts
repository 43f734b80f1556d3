import { type Clock, delay } from "../../async/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import { inMebibytes } from "../workers/mod.ts";
import type { PoolDevices } from "./devices/mod.ts";

/**
 * The order in which a worker is replaced. `start_first` starts the successor while the old worker
 * serves on, so that capacity never drops. `stop_first` lets the old worker end before, so that
 * their memory is never needed twice. `auto` stops first where the successor may not fit beside the
 * old worker on their accelerator, and starts first everywhere else.
 */
export type ReplaceOrder = "auto" | "start_first" | "stop_first";

/** Options of a {@link ReplacePolicy}. */
export interface ReplacePolicyOptions {
  readonly order: ReplaceOrder;
  /** Returns the memory that is free on a device; null if it is unknown. */
  readonly freeDeviceBytes?: ((deviceId: string) => Promise<number | null>) | undefined;
  /** Tells the memory that other starts are about to take. Default: they take none. */
  readonly devices?: Pick<PoolDevices, "demandedBytes">;
  readonly clock: Clock;
}

/** A worker to replace. */
export interface Replaceable {
  readonly place: Place | undefined;
  /** The device memory that each framework of the worker held after setup(); null if unknown. */
  readonly deviceUses?: readonly { readonly memoryBytes: number | null }[];
}

/** The longest time to wait for the free memory of a device. */
const ASK_MS = 3_000;

/** Decides whether a worker must end before its successor starts. */
export class ReplacePolicy {
  readonly #options: ReplacePolicyOptions;

  constructor(options: ReplacePolicyOptions) {
    this.#options = options;
  }

  /**
   * Returns true if the slot of a worker that takes no more calls may be filled while the worker
   * still finishes. On an accelerator `auto` never lets it: many workers may leave at the same
   * time, and each successor would count on the same free memory.
   */
  mayOverlap(place: Place | undefined): boolean {
    const { order } = this.#options;
    return order === "start_first" || (order === "auto" && !isAccelerator(place));
  }

  /**
   * Returns the free memory of the device of a worker; null if it is unknown, is not known within
   * 3 s or before `signal` aborts, or does not matter.
   */
  async freeBytes({ place }: Replaceable, signal?: AbortSignal): Promise<number | null> {
    const { order, freeDeviceBytes, clock } = this.#options;
    if (order !== "auto" || place === undefined || !isAccelerator(place)) return null;
    if (freeDeviceBytes === undefined) return null;
    const answered = new AbortController();
    const over = signal === undefined
      ? answered.signal
      : AbortSignal.any([signal, answered.signal]);
    const late = delay(ASK_MS, over, { clock }).then(() => null);
    try {
      return await Promise.race([freeDeviceBytes(place.device.id), late]);
    } catch {
      // The vendor's tool has failed, which is a problem of the hardware report.
      return null;
    } finally {
      answered.abort();
    }
  }

  /**
   * Returns the reason why a worker must end before its successor starts; undefined if the
   * successor can start first. It must then start at once, since it counts on memory that another
   * one would count on a moment later.
   *
   * @param freeBytes The result of {@link ReplacePolicy.freeBytes}.
   */
  reasonToStopFirst(
    { place, deviceUses = [] }: Replaceable,
    freeBytes: number | null,
  ): string | undefined {
    const { order, devices } = this.#options;
    if (order === "stop_first") return "replace is stop_first";
    if (order === "start_first" || place === undefined || !isAccelerator(place)) return undefined;
    const { device: { id }, reservedBytes } = place;
    const reported = deviceUses.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
    const needed = reservedBytes ?? (reported || undefined);
    if (needed === undefined) return `the memory that it needs on ${id} is unknown`;
    if (freeBytes === null) return `the free memory of ${id} is unknown`;
    const demanded = devices === undefined ? 0 : devices.demandedBytes(id);
    if (demanded === null) return `other workers start on ${id}, and what they need is unknown`;
    if (freeBytes >= needed + demanded) return undefined;
    const others = demanded === 0 ? "" : `, and other starts ${inMebibytes(demanded)}`;
    return `${id} has ${inMebibytes(freeBytes)} free, and its successor needs ` +
      inMebibytes(needed) + others;
  }
}

function isAccelerator(place: Place | undefined): boolean {
  return place !== undefined && place.device.kind !== "cpu";
}
