/**
 * Scripts that leave no process behind: {@link runAsScript} starts a host for a function, ends it
 * when the function ends or a signal arrives, and sets the exit status.
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
