/**
 * One life of one Python process. A {@link Worker} is started by a {@link Launcher}, runs calls and
 * ends. worker_process.ts is its process, and output/ attributes each line of output to a call. The
 * other files hold its environment, its limits, and the reason for its end.
 *
 * @module
 */
export {
  AheadLauncher,
  type LaunchedWorker,
  type Launcher,
  type LauncherInfo,
  type LauncherName,
  LAUNCHERS,
  type LaunchSpec,
  PreforkLauncher,
  SpawnLauncher,
  type TemplateInfo,
  type WorkerRegistry,
} from "./launchers/mod.ts";
export {
  type DeviceUse,
  type DeviceUser,
  DeviceUseWatch,
  leavesDeviceUnused,
} from "./device_use.ts";
export { REPLACE_CAUSES, type ReplaceCause, scaledDown } from "./end_cause.ts";
export { firstPong } from "./first_pong.ts";
export { ProgressFile } from "./progress_file.ts";
export { Worker } from "./worker.ts";
export type { CallSource, StopOptions, WorkerListener, WorkerState } from "./worker_options.ts";
export { libraryThreads, type ThreadNeeds } from "./thread_env.ts";
export { INHERITED_ENV, workerEnv, type WorkerEnvOptions } from "./worker_env.ts";
export { inMebibytes, memoryBreach, type WorkerLimits } from "./worker_limits.ts";
export { WorkerStartError } from "./worker_start_error.ts";
