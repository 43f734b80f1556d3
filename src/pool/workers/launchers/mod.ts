/**
 * Ways to start a worker. A {@link Launcher} resolves with a worker that is ready for calls, and leaves
 * nothing behind when it rejects; {@link SpawnLauncher} starts a fresh interpreter for each worker.
 *
 * @module
 */
export type { LaunchedWorker, Launcher, LaunchSpec, WorkerRegistry } from "./launcher.ts";
export { SpawnLauncher } from "./spawn.ts";
