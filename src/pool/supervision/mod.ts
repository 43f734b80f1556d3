/**
 * Keeps the slots of a pool filled. A {@link Supervisor} has one slot.ts for each worker of the pool,
 * which starts workers (worker_starter.ts) with pauses between those that fail (start_backoff.ts).
 * occupancy.ts is one worker in its slot; succession.ts replaces workers that live but are worn
 * (recycle_policy.ts). A worker that answers no {@link Heartbeat} is killed. After an end,
 * post_mortem.ts counts what it says about the next worker: pool_health.ts for the whole pool, and
 * quarantine.ts for slots that are left empty for a while.
 *
 * @module
 */
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export type { QuarantinedSlot } from "./quarantine.ts";
export type { RecycleOptions } from "./recycle_policy.ts";
export { Supervisor } from "./supervisor.ts";
export type { SupervisorEvents, SupervisorOptions } from "./supervisor_options.ts";
