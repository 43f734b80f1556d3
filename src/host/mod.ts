/**
 * One life of the host: its data directory and run directory, where it keeps its state ({@link openStore},
 * {@link StoreStatus}), the record of its processes ({@link ProcessRegistry}), what earlier lives have left
 * ({@link endDeadRuns}), and how its workers are started ({@link workerLauncher}).
 *
 * @module
 */
export { openDataDirectory } from "./data_directory.ts";
export { openStore } from "./open_store.ts";
export { ProcessRegistry, type RegistryOptions, type WorkerIdentity } from "./process_registry.ts";
export { endDeadRuns, endOwnRun } from "./recovery.ts";
export { RunDirectory } from "./run_directory.ts";
export { StoreStatus } from "./store_status.ts";
export { type LauncherParts, workerLauncher } from "./worker_launcher.ts";
