import { type Clock, delay } from "../../async/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import { inMebibytes } from "../workers/mod.ts";

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
   * Returns the reason why a worker must end before its successor starts; undefined if the
   * successor can start first.
   */
  async reasonToStopFirst({ place, deviceUses = [] }: Replaceable): Promise<string | undefined> {
    const { order } = this.#options;
    if (order === "stop_first") return "replace is stop_first";
    if (order === "start_first" || place === undefined || !isAccelerator(place)) return undefined;
    const { device: { id }, reservedBytes } = place;
    const reported = deviceUses.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
    const needed = reservedBytes ?? (reported || undefined);
    if (needed === undefined) return `the memory that it needs on ${id} is unknown`;
    const free = await this.#freeBytes(id);
    if (free === null) return `the free memory of ${id} is unknown`;
    if (free >= needed) return undefined;
    return `${id} has ${inMebibytes(free)} free, and its successor needs ${inMebibytes(needed)}`;
  }

  /** Returns the free memory of a device; null if it is unknown, or is not known in time. */
  async #freeBytes(deviceId: string): Promise<number | null> {
    const { freeDeviceBytes, clock } = this.#options;
    if (freeDeviceBytes === undefined) return null;
    const answered = new AbortController();
    const late = delay(ASK_MS, answered.signal, { clock }).then(() => null);
    try {
      return await Promise.race([freeDeviceBytes(deviceId), late]);
    } catch {
      // The vendor's tool has failed, which is a problem of the hardware report.
      return null;
    } finally {
      answered.abort();
    }
  }
}

function isAccelerator(place: Place | undefined): boolean {
  return place !== undefined && place.device.kind !== "cpu";
}
