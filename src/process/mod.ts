/**
 * The processes that the host starts, and the host's own process.
 *
 * Other processes:
 * - {@link ManagedProcess}: a child process with a group of its own, whose output is read line by
 *   line.
 * - {@link runCommand}, {@link runGuarded}: run a command to its end; {@link spawnGroup} only
 *   starts it.
 * - {@link Guard}: runs programs, and leaves no process of theirs behind.
 * - {@link removeTree}: removes what they have left on the disk.
 * - {@link withoutMiddle}: shortens a line of such output.
 * - {@link ProcTable}, {@link StartTimes}, {@link sweepProcesses}: list processes, and end those
 *   that dead hosts left behind.
 *
 * This process:
 * - {@link StopSignals}: turns signals into one request to stop; a later signal ends the process at
 *   once. {@link EXIT_CODES} are its exit statuses.
 * - {@link HOST_ENV}, {@link WORKER_ENV}: the names of all variables that Snakeden reads or sets.
 * - {@link FileLock}: a lock that the system releases when the process ends.
 * - {@link lowestDescriptor}: checks whether more files can be opened, and {@link canStartThread}
 *   whether a thread can be started.
 * - {@link isDenoFirst}: checks whether process 1 is Deno, which reaps no orphans.
 * - {@link makePrivateDirectory} and related functions: directories that no other user of the
 *   machine can enter or replace.
 *
 * @module
 */
export { canStartThread, isOutOfDescriptors, lowestDescriptor } from "./descriptors.ts";
export { isDenoFirst, NEEDS_INIT } from "./first_process.ts";
export { isExposed, isOurs, lstatIfThere, makePrivateDirectory, ownUid } from "./private_path.ts";
export { ENDS_AT_ONCE, ignoredSignals, StopSignals } from "./stop_signals.ts";
export { EXIT_CODES } from "./exit_codes.ts";
export { CLIENT_ENV, HOST_ENV, PROGRAM_ENV, SCRIPT_ENV, WORKER_ENV } from "../environment_names.ts";
export { FileLock } from "./file_lock.ts";
export {
  Guard,
  type GuardDeps,
  type GuardedCause,
  type GuardedEnd,
  type GuardedLaunch,
  type GuardedLimits,
  type GuardedProcess,
  GuardLaunchError,
} from "./guard/mod.ts";
export { LineSplitter } from "./line_splitter.ts";
export {
  type GroupLeader,
  ManagedProcess,
  type ProcessExit,
  type ProcessSpec,
  spawnLeader,
} from "./managed_process.ts";
export { type CommandSpec, isRunning, killGroup, spawnGroup, stillRuns } from "./process_group.ts";
export {
  type ProcessInfo,
  type ProcessTable,
  ProcTable,
  PsTable,
  systemProcessTable,
} from "./process_table.ts";
export {
  type CommandResult,
  LEAVE_WORKING_FOLDER,
  removeTree,
  runCommand,
  type RunCommandOptions,
  runGuarded,
} from "./commands/mod.ts";
export { StartTimes } from "./start_times.ts";
export {
  type RecordedProcess,
  type SweepOptions,
  sweepProcesses,
  type SweepResult,
} from "./sweep.ts";
export { withoutMiddle } from "./without_middle.ts";
