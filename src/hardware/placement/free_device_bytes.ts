import type { HardwareSource } from "./place_config.ts";

/**
 * Returns the memory that is free on a device now; null if it is unknown. A device that shares the
 * memory of the machine has what is available of that.
 */
export async function freeDeviceBytes(
  hardware: HardwareSource,
  deviceId: string,
): Promise<number | null> {
  // A worker that was loaded a moment ago counts.
  const { devices, memory } = await hardware.detect({ maxAgeMs: 0 });
  const device = devices.find(({ id }) => id === deviceId);
  if (device === undefined) return null;
  return device.freeBytes ?? (device.unified ? memory.availableBytes : null);
}
