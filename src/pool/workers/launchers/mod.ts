/**
 * Ways to start a worker. {@link Launcher.launch} resolves with a worker that is ready for calls;
 * if it rejects, it leaves nothing running. {@link SpawnLauncher} starts a fresh interpreter for
 * each worker.
 *
 * @module
 */
export type { LaunchedWorker, Launcher, LaunchSpec, WorkerRegistry } from "./launcher.ts";
export { SpawnLauncher } from "./spawn.ts";
