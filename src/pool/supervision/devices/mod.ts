/**
 * The devices that the pools of a host share. {@link DeviceHealth} knows the health of all,
 * device_record.ts counts the crashes of one and decides which worker tries it again.
 * {@link DeviceDemand} is the memory that starts are about to take. {@link PoolDevices} is the view
 * of one pool.
 *
 * @module
 */
export { DeviceDemand, startingPlaces } from "./device_demand.ts";
export { DeviceHealth, type UnhealthyDevice } from "./device_health.ts";
export type { DeviceCrash, Trial } from "./device_record.ts";
export { PoolDevices } from "./pool_devices.ts";
