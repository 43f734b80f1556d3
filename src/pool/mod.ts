/**
 * Pools of supervised Python workers. A {@link Pool} admits, queues and dispatches calls; a
 * {@link Worker} is one life of one process, started by a {@link Launcher}. A {@link PoolGroup}
 * starts and stops all pools of a host; {@link Pools}, {@link WorkerList} and {@link Health} show
 * them to callers.
 *
 * - calls/: the caller's half of a call ({@link Call}) and the worker's half (`Attempt`).
 * - workers/: one life of one process, and the ways to start one.
 * - profiles/: how a worker runs the calls that it was sent, such as one at a time.
 * - affinity/: which worker the calls of a session may go to.
 * - registered/: the tools that workers have registered while they run.
 * - supervision/: keeps each slot of the pool filled.
 * - crashes/: what the end of a worker means for its calls.
 *
 * An attempt leaves its worker in one of four ways, and the worker itself frees the room: the
 * worker answers; the caller leaves, and the worker answers the cancel; the worker gives the call
 * back unstarted; or the worker dies, by itself or killed because it ignored the cancel. The calls
 * that a dead worker was running fail, unless they may run twice; the others go back to the queue.
 *
 * @module
 */
export type { PoolSessions, SessionWorker } from "./affinity/mod.ts";
export {
  type AffinityMode,
  type ArrayForm,
  type AskingCall,
  Call,
  CallInputs,
  type CallOutcome,
  type CallRequest,
  type CallWork,
  type ChunkSink,
  ChunkStream,
  type HeldWorker,
  type HostMethod,
  HostMethods,
  type HostServices,
  type InputLimits,
  type ItemOutcome,
  type OnOutcomes,
  OutcomeReader,
  type OutputPipe,
  type OutputSink,
  PRIORITY_RANGE,
  stalled,
  StallWatch,
  type StreamEvent,
  type WhenBusy,
} from "./calls/mod.ts";
export {
  type DeviceCrash,
  DeviceDemand,
  DeviceHealth,
  Heartbeat,
  type HeartbeatOptions,
  MAX_WORKERS,
  type QuarantinedSlot,
  type ResizeRequest,
  type ScaleLimits,
  type StartCap,
  type Trial,
  type UnhealthyDevice,
} from "./supervision/mod.ts";
export type { Crash, CrashKind, CrashRecord, CrashStats } from "./crashes/mod.ts";
export {
  AheadLauncher,
  type DeviceUse,
  INHERITED_ENV,
  type LaunchedWorker,
  type Launcher,
  type LauncherInfo,
  type LauncherName,
  LAUNCHERS,
  type LaunchSpec,
  libraryThreads,
  PreforkLauncher,
  ProgressFile,
  SpawnLauncher,
  type TemplateInfo,
  type ThreadNeeds,
  Worker,
  workerEnv,
  type WorkerEnvOptions,
  type WorkerRegistry,
  type WorkerState,
} from "./workers/mod.ts";
export { profileOf, type ProfileSettings } from "./profiles/mod.ts";
export { findPool, type PoolsByName } from "./find_pool.ts";
export { stateRefusal } from "./refusals.ts";
export {
  type DeviceReadiness,
  Health,
  type PoolReadiness,
  type Readiness,
  type WaitOptions,
} from "./health.ts";
export type { CircuitInfo, CircuitState, PoliciesInfo } from "./policies_info.ts";
export type { PoolRoom } from "./dispatch/mod.ts";
export { Pool } from "./pool.ts";
export {
  changesText,
  type CodeChange,
  type CodeEvent,
  PoolCode,
  type ReloadInfo,
  type ReloadState,
  type ToolChanges,
  type ToolsServed,
} from "./code/mod.ts";
export { PoolGroup } from "./pool_group.ts";
export type { PoolDeps, PoolOptions } from "./pool_options.ts";
export type { BlockedTool } from "../bridge/mod.ts";
export {
  type PoolInfo,
  type ReplaceCode,
  rssBytesOf,
  type WorkerDevice,
  type WorkerInfo,
  type WorkerWarning,
} from "./pool_info.ts";
export type { PoolState, PoolTransition } from "./pool_state.ts";
export type { LifeOfSession, RegisteredTool } from "./registered/mod.ts";
export { type PoolStats, StatsCounter } from "./pool_stats.ts";
export {
  type AddPoolOptions,
  type PoolChanges,
  type PoolInput,
  Pools,
  type RecycleRequest,
  type Recycling,
  type RemovePoolOptions,
} from "./pools.ts";
export { type StopWorkerOptions, WorkerList } from "./worker_list.ts";
