/**
 * The guard: runs programs of script jobs, and leaves no process of theirs behind, whatever they do
 * and however this host ends. It is a Python process beside the host (python/src/snakeden/_guard),
 * which forks a warden for each program.
 *
 * - guard.ts: {@link Guard} starts the Python process when needed, and launches programs.
 * - launch.ts: the launch of a program, its end, and the errors of a launch.
 * - live_process.ts: one program that runs; warden_connection.ts: its connection.
 * - guard_program.ts: the Python process. frames.ts: the messages.
 *
 * @module
 */
export { Guard, type GuardDeps } from "./guard.ts";
export {
  type GuardedCause,
  type GuardedEnd,
  type GuardedLaunch,
  type GuardedLimits,
  type GuardedProcess,
  GuardLaunchError,
} from "./launch.ts";
