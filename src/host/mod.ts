/**
 * One life of the host: {@link compose} opens its parts from bottom to top and starts them;
 * {@link Shutdown} ends them. This folder also holds the host's own parts: the data directory and
 * the directory of the run, the choice of the stores (store/), the jobs (openJobs), the record of
 * its processes ({@link ProcessRegistry}), the cleanup after earlier hosts (endDeadRuns), and the
 * start of its workers ({@link workerLauncher}).
 *
 * @module
 */
export {
  compose,
  type ComposeOptions,
  type Host,
  splitOptions,
  type StartOptions,
} from "./compose.ts";
export { openDataDirectory } from "./data_directory.ts";
export { hasPython, pythonChoices } from "./open_python.ts";
export { ProcessRegistry, type RegistryOptions, type WorkerIdentity } from "./process_registry.ts";
export { runDirectoryRoot } from "./run_directory.ts";
export { applySettings, type ReloadResult } from "./live/mod.ts";
export { type CallsAtStop, callsAtStop, Shutdown } from "./shutdown.ts";
export { type HostStoreReport, StoreStatus } from "./store/mod.ts";
export { assertSupportedSystem } from "./supported_system.ts";
export { type LauncherParts, workerLauncher } from "./worker_launcher.ts";
