/**
 * One life of the host: its data directory and run directory, what it stores ({@link openStore}), what
 * earlier lives have left ({@link endDeadRuns}), and how its workers are started
 * ({@link workerLauncher}).
 *
 * @module
 */
export { openDataDirectory } from "./data_directory.ts";
export { openStore, reportStore, type StoreReport } from "./open_store.ts";
export { endDeadRuns, endOwnRun } from "./recovery.ts";
export { RunDirectory } from "./run_directory.ts";
export { type LauncherParts, workerLauncher } from "./worker_launcher.ts";
