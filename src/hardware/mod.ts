/**
 * The hardware of the machine, and the devices of pools.
 *
 * @module
 */
export { type Device, DEVICE_KINDS, type DeviceKind } from "./device.ts";
export { type DetectOptions, Hardware, type HardwareDeps } from "./hardware.ts";
export type { CpuInfo, HardwareInfo, HardwareProblem, MemoryInfo } from "./hardware_info.ts";
export {
  freeDeviceBytes,
  type HardwareSource,
  logPlacements,
  needsHardware,
  type Place,
  placeConfig,
  type PlacedConfig,
  type Placement,
  placePools,
  type PlacePoolsOptions,
  placesText,
  type PoolNeeds,
} from "./placement/mod.ts";
export type { SelectOptions } from "./select_device.ts";
export {
  probeDevices,
  type ProbeOptions,
  type ProbeResult,
  refreshDevices,
  type RefreshOptions,
} from "./probes/mod.ts";
export { readMemory, readSystem, type SystemReading } from "./system/mod.ts";
