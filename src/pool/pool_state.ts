/**
 * `starting` until a worker is ready; `ready` while one is; `unhealthy` when none is and too many starts failed in a row
 * (it goes on trying, with pauses); `stopping` and `stopped` by `Pool.stop()`.
 */
export type PoolState = "starting" | "ready" | "unhealthy" | "stopping" | "stopped";
