/**
 * One life of the host: its data directory and run directory, what it stores ({@link openStore}, {@link StoreStatus}), what
 * earlier lives have left ({@link endDeadRuns}), and how its workers are started
 * ({@link workerLauncher}).
 *
 * @module
 */
export { openDataDirectory } from "./data_directory.ts";
export { openStore, type StoreReport } from "./open_store.ts";
export { endDeadRuns, endOwnRun } from "./recovery.ts";
export { RunDirectory } from "./run_directory.ts";
export { StoreStatus } from "./store_status.ts";
export { type LauncherParts, workerLauncher } from "./worker_launcher.ts";
