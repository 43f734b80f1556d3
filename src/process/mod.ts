/**
 * The conduct of a process towards the system that it shares with others.
 *
 * Other processes:
 * - {@link ManagedProcess}: a child with its group, whose output is read line by line.
 * - {@link runCommand}, {@link runGuarded}: a command that is run to its end.
 * - {@link ProcTable}, {@link StartTimes}, {@link sweepProcesses}: which processes there are, and
 *   the end of those that dead hosts have left.
 *
 * This process:
 * - {@link StopSignals}: one request to stop, however many signals carry it; a later one ends the
 *   process at once. {@link EXIT_CODES} are the statuses with which it ends.
 * - {@link HOST_ENV}, {@link WORKER_ENV}: the names of all variables that Snakeden reads or sets.
 * - {@link FileLock}: a lock that ends with the process.
 * - {@link lowestDescriptor}: finds out whether more files can be opened.
 * - {@link isDenoFirst}: finds out that nobody reaps orphans here.
 * - {@link makePrivateDirectory} and related functions: directories that no other user of the
 *   machine can enter or exchange.
 *
 * @module
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
