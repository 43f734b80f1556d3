import type { Place } from "../../../hardware/mod.ts";

/** Lists the places at which workers of a pool start, or are about to start. */
export type StartingAt = () => readonly Place[];

/**
 * The memory that starts are about to take on the devices of one host, in all its pools. It is
 * still free, but must not be counted on: a crashed worker is replaced in any case, and the model
 * of a worker that starts is not loaded yet.
 */
export class DeviceDemand {
  readonly #pools = new Set<StartingAt>();

  /** Adds the starts of a pool; returns a function that removes them. */
  join(startingAt: StartingAt): () => void {
    this.#pools.add(startingAt);
    return () => void this.#pools.delete(startingAt);
  }

  /** Returns the memory that starts will take on a device; null if one of them reserves none. */
  bytesOn(deviceId: string): number | null {
    let bytes = 0;
    for (const startingAt of this.#pools) {
      for (const { device, reservedBytes } of startingAt()) {
        if (device.id !== deviceId) continue;
        if (reservedBytes === undefined) return null;
        bytes += reservedBytes;
      }
    }
    return bytes;
  }
}

/** A slot of a pool. */
interface PlacedSlot {
  readonly id: string;
  readonly place: Place | undefined;
}

/**
 * Lists the places at which workers start, or are about to start since their slot has none that
 * serves. A worker that finishes its calls counts as none: its slot is filled when it has ended.
 */
export function startingPlaces(
  slots: readonly PlacedSlot[],
  workers: readonly { readonly id: string; readonly state: string }[],
): Place[] {
  return slots.flatMap(({ id, place }) => {
    if (place === undefined) return [];
    const own = workers.filter((it) => it.id === id);
    const starting = own.filter(({ state }) => state === "starting");
    const isServed = own.some(({ state }) => state === "ready" || state === "busy");
    const count = starting.length || (isServed ? 0 : 1);
    return Array<Place>(count).fill(place);
  });
}
