import type { Device } from "./device.ts";

/** Returns a healthy, visible device of which nothing is known but these fields. */
export function newDevice(
  { id, kind, index, name, ...fields }:
    & Pick<Device, "id" | "kind" | "index" | "name">
    & Partial<Device>,
): Device {
  // In the order in which clients show them.
  return {
    id,
    kind,
    index,
    uuid: null,
    name,
    arch: null,
    memoryBytes: null,
    freeBytes: null,
    unified: false,
    driver: null,
    runtime: null,
    utilization: null,
    temperatureCelsius: null,
    powerWatts: null,
    mig: null,
    visible: true,
    health: "healthy",
    ...fields,
  };
}
