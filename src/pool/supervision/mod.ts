/**
 * Keeps the slots of a pool filled. A {@link Supervisor} has a slot (slot.ts) for each worker of
 * the pool. A slot starts workers (worker_starter.ts) and pauses after a failed start
 * (start_backoff.ts). occupancy.ts is one worker in its slot. succession.ts replaces healthy
 * workers that have reached a limit (recycle_policy.ts), or whose code has changed, in the order
 * that replace_policy.ts chooses. All pauses before starts (pauses.ts) end when the code changes. A
 * worker that misses too many pings of the {@link Heartbeat} is killed. When a worker ends,
 * post_mortem.ts counts the end against the whole pool (pool_health.ts) and against its slot, which
 * may stay empty for a while (quarantine.ts), and against its device (devices/), whose slots then
 * stay empty in all pools.
 *
 * @module
 */
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export type { QuarantinedSlot } from "./quarantine.ts";
export type { RecycleOptions } from "./recycle_policy.ts";
export {
  type DeviceCrash,
  DeviceDemand,
  DeviceHealth,
  type PoolDevices,
  type Trial,
  type UnhealthyDevice,
} from "./devices/mod.ts";
export type { ReplaceOrder } from "./replace_policy.ts";
export { Supervisor } from "./supervisor.ts";
export type { SupervisorDeps, SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";
