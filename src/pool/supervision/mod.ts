/**
 * Keeps the slots of a pool filled. A {@link Supervisor} has a slot (slot.ts) for each worker that
 * the pool may have (slot_set.ts), and scaling/ decides how many of them are filled. A slot starts
 * workers (worker_starter.ts) and pauses after a failed start (health/). occupancy.ts is one worker
 * in its slot. succession.ts replaces healthy workers that have reached a limit
 * (recycle_policy.ts), or whose code has changed (code_turnover.ts), in the order that
 * replace_policy.ts chooses. All pauses before starts (pauses.ts) end when the code changes.
 * worker_watch.ts listens to workers. A worker that misses too many pings of the {@link Heartbeat}
 * is killed. When a worker ends, post_mortem.ts counts the end against the whole pool, against its
 * slot, which may stay empty for a while (health/), and against its device (devices/), whose slots
 * then stay empty in all pools.
 *
 * @module
 */
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export type { QuarantinedSlot } from "./health/mod.ts";
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
export {
  type Demand,
  MAX_WORKERS,
  type ResizeRequest,
  type ScaleLimits,
  type StartCap,
} from "./scaling/mod.ts";
export { Supervisor } from "./supervisor.ts";
export type { SupervisorDeps, SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";
