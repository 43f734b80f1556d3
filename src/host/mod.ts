/**
 * One life of the host: {@link compose} opens its parts from the bottom to the top and starts them,
 * {@link Shutdown} ends them. The parts of its own are the data directory and the directory of the
 * run, where it keeps its state (openStore, {@link StoreStatus}), the record of its processes
 * ({@link ProcessRegistry}), what earlier lives have left (endDeadRuns), and how its workers are
 * started ({@link workerLauncher}).
 *
 * @module
 */
export { compose, type Host, type StartOptions } from "./compose.ts";
export { openDataDirectory } from "./data_directory.ts";
export { ProcessRegistry, type RegistryOptions, type WorkerIdentity } from "./process_registry.ts";
export { Shutdown } from "./shutdown.ts";
export { StoreStatus } from "./store_status.ts";
export { type LauncherParts, workerLauncher } from "./worker_launcher.ts";
