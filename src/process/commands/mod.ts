/**
 * Commands that run to their end: run_command.ts runs any, remove_tree.ts removes a folder by one.
 *
 * @module
 */
export { removeTree } from "./remove_tree.ts";
export {
  type CommandResult,
  LEAVE_WORKING_FOLDER,
  runCommand,
  type RunCommandOptions,
  runGuarded,
} from "./run_command.ts";
