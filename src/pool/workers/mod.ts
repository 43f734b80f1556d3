/**
 * One life of one Python process. A {@link Worker} is started by a {@link Launcher}, runs calls and
 * ends; worker_process.ts is the process behind it, and tells its output apart by call. The other
 * files say in what environment and within which limits it runs, what it logs, and what was in
 * flight when it ended.
 *
 * @module
 */
export {
  type LaunchedWorker,
  type Launcher,
  type LaunchSpec,
  SpawnLauncher,
  type WorkerRegistry,
} from "./launchers/mod.ts";
export { ProgressFile } from "./progress_file.ts";
export { Worker, type WorkerState } from "./worker.ts";
export type { CallSource, StopOptions, WorkerListener, WorkerOptions } from "./worker_options.ts";
export { workerEnv, type WorkerEnvOptions } from "./worker_env.ts";
export { inMebibytes, memoryBreach, type WorkerLimits } from "./worker_limits.ts";
export { WorkerStartError } from "./worker_start_error.ts";
