/**
 * Gives the workers of pools their devices: {@link placePools} finds the devices that each pool
 * asks for (find_devices.ts), spreads the workers over them, checks the reservations of memory
 * (reservations.ts), and makes the environment of each {@link Place} (place_env.ts).
 * {@link placeConfig} does so for a configuration, and looks at the hardware if a pool needs it.
 *
 * @module
 */
export { freeDeviceBytes } from "./free_device_bytes.ts";
export type { Place } from "./place.ts";
export {
  type HardwareSource,
  logPlacements,
  placeConfig,
  type PlacedConfig,
  placesText,
} from "./place_config.ts";
export {
  needsHardware,
  type Placement,
  placePools,
  type PlacePoolsOptions,
  type PoolNeeds,
} from "./place_pools.ts";
