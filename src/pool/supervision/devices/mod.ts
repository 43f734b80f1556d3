/**
 * The health of devices, which the pools of a host share: {@link DeviceHealth} knows all devices,
 * device_record.ts counts the crashes of one and decides which worker tries it again, and
 * {@link PoolDevices} is the view of one pool.
 *
 * @module
 */
export { DeviceHealth, type UnhealthyDevice } from "./device_health.ts";
export type { DeviceCrash, Trial } from "./device_record.ts";
export { PoolDevices } from "./pool_devices.ts";
