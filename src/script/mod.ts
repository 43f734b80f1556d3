/**
 * Scripts that leave no process behind: {@link runAsScript} starts a host for a function, ends it on a
 * signal or at the function's end, and sets the exit status.
 *
 * @module
 */
export {
  type CleanupResult,
  type ExitMode,
  runAsScript,
  type ScriptContext,
  type ScriptOptions,
  type ShutdownEvent,
  type StopMode,
} from "./run_as_script.ts";
