/**
 * Scripts that leave no process behind: {@link runAsScript} starts a host for a function, ends it on a
 * signal or at the function's end, and sets the exit status.
 *
 * @module
 */
export { runAsScript, type ScriptContext, type ScriptOptions } from "./run_as_script.ts";
export {
  type CleanupResult,
  type ExitMode,
  type ShutdownEvent,
  type StopMode,
} from "./script_ending.ts";
