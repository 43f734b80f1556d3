/**
 * Ways to start a worker. {@link Launcher.launch} resolves with a worker that is ready for calls;
 * if it rejects, it leaves nothing running.
 *
 * - spawn.ts: a fresh interpreter for each worker. prefork.ts: forks of one that has imported what
 *   they need, which template/ keeps.
 * - ahead.ts: keeps a worker ready for each slot, for workers that run one call each.
 * - launch_steps.ts: what they share: records, files, link.
 *
 * @module
 */
import type { LauncherName } from "./launcher.ts";
import { PreforkLauncher, type PreforkOptions } from "./prefork.ts";
import { SpawnLauncher } from "./spawn.ts";
import type { Launcher } from "./launcher.ts";

export type {
  LaunchedWorker,
  Launcher,
  LauncherInfo,
  LauncherName,
  LaunchSpec,
  TemplateInfo,
  WorkerRegistry,
} from "./launcher.ts";
export { AheadLauncher } from "./ahead.ts";
export { PreforkLauncher, type PreforkOptions } from "./prefork.ts";
export { SpawnLauncher, type SpawnOptions } from "./spawn.ts";

/** The launchers, by name. */
export const LAUNCHERS: Readonly<Record<LauncherName, (options: PreforkOptions) => Launcher>> = {
  spawn: (options) => new SpawnLauncher(options),
  prefork: (options) => new PreforkLauncher(options),
};
