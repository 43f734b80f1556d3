/**
 * Pools of supervised Python workers. A {@link Pool} admits, queues and dispatches calls ({@link Call}); a {@link Worker}
 * is one life of one process ({@link WorkerProcess}), got from a {@link Launcher}; the pool keeps each of its places filled
 * under a {@link RestartPolicy}, pings its workers ({@link Heartbeat}), and lets successors take over from those that are
 * worn. What an earlier host has left is ended by {@link sweepProcesses}. Short calls are sent ahead to workers that are not done yet ({@link InFlight}).
 *
 * A call leaves a worker in one of four ways, and each frees the slot in `Worker.release` or with the worker: the worker
 * answers; the caller leaves and the worker then answers the cancel; the worker gives the call back unstarted; the worker
 * dies, by itself or killed because the cancel was not heeded. A worker that dies takes along the call that it ran, unless
 * that may run twice (a {@link CrashPolicy} decides), and gives the others back.
 *
 * @module
 */
export { Call, type CallOutcome, type CallRequest, type ChunkSink } from "./call.ts";
export { PRIORITY_RANGE } from "./call_queue.ts";
export { Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
export { ChunkStream, type StreamEvent } from "./chunk_stream.ts";
export type { Crash, CrashKind } from "./crash_kind.ts";
export type { CrashStats } from "./crash_log.ts";
export type { Death } from "./death.ts";
export type { TaintedPlace } from "./taints.ts";
export {
  type LaunchedWorker,
  type Launcher,
  type LaunchSpec,
  SpawnLauncher,
  type WorkerRegistry,
} from "./launcher.ts";
export { Pool, type PoolOptions, type PoolState } from "./pool.ts";
export type { PoolStats } from "./pool_stats.ts";
export { ProgressFile, type ProgressNote } from "./progress_file.ts";
export type { RecycleOptions } from "./recycle_policy.ts";
export { Worker, type WorkerState } from "./worker.ts";
export type { WorkerLimits } from "./worker_limits.ts";
export { workerEnv, type WorkerEnvOptions } from "./worker_env.ts";
