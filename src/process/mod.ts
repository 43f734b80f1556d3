/**
 * The conduct of a process towards the system that it shares with others.
 *
 * - {@link StopSignals}: one request to stop, however many signals carry it; a later one ends the
 *   process at once.
 * - {@link lowestDescriptor}: finds out whether more files can be opened.
 * - {@link isDenoFirst}: finds out that nobody reaps orphans here.
 * - {@link HOST_ENV}, {@link WORKER_ENV}: the names of all variables that Snakeden reads or sets.
 * - {@link makePrivateDirectory} and related functions: directories that no other user of the
 *   machine can enter or exchange.
 */
export { isOutOfDescriptors, lowestDescriptor } from "./descriptors.ts";
export { isDenoFirst, NEEDS_INIT } from "./first_process.ts";
export { isExposed, isOurs, lstatIfThere, makePrivateDirectory, ownUid } from "./private_path.ts";
export { StopSignals } from "./stop_signals.ts";
export { EXIT_CODES } from "./exit_codes.ts";
export { HOST_ENV, PROGRAM_ENV, WORKER_ENV } from "./environment_names.ts";
export { FileLock } from "./file_lock.ts";
export { ManagedProcess, type ProcessExit, type ProcessSpec } from "./managed_process.ts";
export { type CommandSpec, isRunning, killGroup } from "./process_group.ts";
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
  runCommand,
  type RunCommandOptions,
  runGuarded,
} from "./run_command.ts";
export { StartTimes } from "./start_times.ts";
export {
  type RecordedProcess,
  type SweepOptions,
  sweepProcesses,
  type SweepResult,
} from "./sweep.ts";
