import type { Ready } from "../../bridge/mod.ts";
import type { Place } from "../../hardware/mod.ts";
import { getLogger } from "../../log.ts";

const STATES = ["used", "unused", "unable", "unknown"] as const;

/** The use that a framework in a worker, such as torch, makes of the device of the worker. */
export interface DeviceUse {
  /** The name of its Python module. */
  readonly framework: string;
  /** Its version; may be empty. */
  readonly version: string;
  /**
   * `used`: it has something on the device. `unused`: it has nothing there. `unable`: it cannot use
   * the device. `unknown`: it could not be asked.
   */
  readonly state: typeof STATES[number];
  /** The reason of the state, for a person. */
  readonly text: string;
  /** The device memory that it holds; null if unknown. */
  readonly memoryBytes: number | null;
}

/** The parts of a worker that {@link DeviceUseWatch} uses. */
export interface DeviceUser {
  readonly id: string;
  readonly place: Place | undefined;
  readonly link: { readonly hello: { readonly device: string } };
  readonly deviceUses: readonly DeviceUse[];
}

/** Returns what a worker has reported when it was ready. */
export function deviceUsesOf(ready: Pick<Ready, "deviceUses"> | undefined): DeviceUse[] {
  return (ready?.deviceUses ?? []).map(({ framework, version, state, text, memoryBytes }) => ({
    framework,
    version,
    state: STATES.find((it) => it === state) ?? "unknown",
    text,
    memoryBytes: memoryBytes > 0 ? memoryBytes : null,
  }));
}

/**
 * Returns true if a worker has an accelerator that none of its frameworks uses. A worker without a
 * framework may use the device by other means.
 */
export function leavesDeviceUnused(
  { place, deviceUses }: Omit<DeviceUser, "id" | "link">,
): boolean {
  return place !== undefined && place.device.kind !== "cpu" && deviceUses.length > 0 &&
    deviceUses.every(({ state }) => state === "unused" || state === "unable");
}

/** Warns of devices that the workers of a pool leave unused, once for each set of reasons. */
export class DeviceUseWatch {
  readonly #log = getLogger("pool");
  readonly #known = new Set<string>();

  /** Checks a worker that has just become ready. */
  check(worker: DeviceUser): void {
    const { id: workerId, place, link: { hello } } = worker;
    if (place === undefined) return;
    const device = place.device.id;
    if (hello.device !== device) {
      this.#log.warn(
        "{workerId} was started for the device {device}, but its hello names {reported}",
        { workerId, device, reported: hello.device || "none" },
      );
    }
    if (!leavesDeviceUnused(worker)) return;
    const reasons = worker.deviceUses.map(({ text }) => text).join("; ");
    if (this.#known.has(reasons)) return;
    this.#known.add(reasons);
    this.#log.warn("{workerId} does not use its device {device}: {reasons}", {
      workerId,
      device,
      reasons,
      code: "device_not_used",
    });
  }
}
