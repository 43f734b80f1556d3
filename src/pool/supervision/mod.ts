/**
 * Keeps the slots of a pool filled. The {@link Supervisor} starts a worker for each slot, replaces one
 * that died, is worn or silent ({@link Heartbeat}, recycle_policy.ts), pauses between starts that fail
 * (start_backoff.ts), and leaves a slot empty for a while when its workers crash too often
 * (quarantine.ts). pool_health.ts counts failures for the whole pool.
 *
 * @module
 */
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export type { QuarantinedSlot } from "./quarantine.ts";
export type { RecycleOptions } from "./recycle_policy.ts";
export { Supervisor } from "./supervisor.ts";
export type { SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";
