/**
 * Pools of supervised Python workers. A {@link Pool} admits, queues and dispatches calls ({@link Call}); a {@link Worker}
 * is one life of one process ({@link ManagedProcess}), got from a {@link Launcher}; the pool keeps each of its places filled
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
export {
  Call,
  type CallOutcome,
  type CallRequest,
  type ChunkSink,
  ChunkStream,
  PRIORITY_RANGE,
  type StreamEvent,
} from "./calls/mod.ts";
export {
  Heartbeat,
  type HeartbeatOptions,
  type RecycleOptions,
  type TaintedPlace,
} from "./supervision/mod.ts";
export type { Crash, CrashKind, CrashRecord, CrashStats } from "./crashes/mod.ts";
export {
  type LaunchedWorker,
  type Launcher,
  type LaunchSpec,
  ProgressFile,
  type ProgressNote,
  SpawnLauncher,
  Worker,
  workerEnv,
  type WorkerEnvOptions,
  type WorkerLimits,
  type WorkerRegistry,
  type WorkerState,
} from "./workers/mod.ts";
export { Pool, type PoolOptions } from "./pool.ts";
export type { PoolState } from "./pool_state.ts";
export type { PoolStats } from "./pool_stats.ts";
export {
  type PoolReadiness,
  Pools,
  type Readiness,
  type RecycleRequest,
  type Recycling,
  type WaitOptions,
} from "./pools.ts";
