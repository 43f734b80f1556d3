/**
 * The parts of jobs that run programs: scripts of folders, and commands of the configuration. The
 * runners put them together.
 *
 * - script_folders.ts: finds scripts; permissions.ts: what one may be granted.
 * - submission_fields.ts: checks arguments and variables.
 * - deno_command.ts, command_template.ts: command lines; program_env.ts: environments.
 * - program_run.ts: runs a program under the guard, up to its limits.
 * - script_output.ts, marked_lines.ts: its log, its progress; results/: its result;
 *   artifacts.ts: the files that it leaves.
 * - script_slots.ts: how many run at once; attempt_folder.ts: where each one works.
 * - environments/: prepares what a script needs before it can run.
 * - tokens/: lets them use the host while they run.
 *
 * @module
 */
export { type AttemptFolder, AttemptFolders } from "./attempt_folder.ts";
export { keepArtifacts } from "./artifacts.ts";
export { commandOf, templateIssues } from "./command_template.ts";
export { denoCommand } from "./deno_command.ts";
export { findProgram } from "./find_program.ts";
export { grantedPermissions, type Permissions } from "./permissions.ts";
export { programEnv } from "./program_env.ts";
export { type ProgramLauncher, type ProgramLimits, runProgram } from "./program_run.ts";
export {
  type FoundScript,
  refusedJob,
  ScriptFolders,
  type ScriptLanguage,
} from "./script_folders.ts";
export { ScriptOutput } from "./script_output.ts";
export { readResult } from "./results/mod.ts";
export { SCRIPTS_POOL, ScriptSlots } from "./script_slots.ts";
export { packedFields, programIssues } from "./submission_fields.ts";
export {
  depthOf,
  isTokenText,
  type JobParent,
  JobTokens,
  parentOf,
  type TokenGrant,
  type TokenHolder,
} from "./tokens/mod.ts";
export {
  type PreparedDeno,
  type PreparedPython,
  type PrepareOptions,
  ScriptEnvironments,
  type ScriptEnvironmentsOptions,
  type ScriptFolderPackages,
} from "./environments/mod.ts";
