/**
 * The Pythons of the workers and of scripts. {@link ensurePythons} gives each pool its interpreter:
 * one of the user's own, which is only checked, or a private environment in the data directory,
 * which is built if there is none yet. Pools that need the same share one. If nothing has changed,
 * it starts no process. {@link ensurePython} does the same for one Python, {@link ScriptPythons}
 * for scripts.
 *
 * - pool_pythons.ts: which pools share a Python, and builds side by side.
 * - python_target.ts: what is asked for, and what makes two wishes the same.
 * - script_pythons.ts: the Pythons of scripts, which need none of the dependencies of workers.
 * - own_python.ts, private_python.ts: open the two kinds.
 * - find_interpreter.ts: finds a Python to build an environment from.
 * - requirements/: reads requirements files.
 * - environments/: manages `<dataDir>/python`.
 * - installers/: builds an environment. No installer outlives this process.
 *
 * @module
 */
export { ensurePython, type EnsurePythonOptions, environmentRoot } from "./ensure_python.ts";
export { KEPT_DAYS, type ListedEnvironment, listEnvironments } from "./environments/mod.ts";
export type { Interpreter, VersionRange } from "./find_interpreter.ts";
export {
  ensurePythons,
  planPythons,
  type PoolChoice,
  PoolPythons,
  type PythonPlan,
  type SharedPython,
} from "./pool_pythons.ts";
export type { EnvironmentInfo, PythonEnvironment } from "./python_environment.ts";
export { packagePath, type PythonSource, pythonSource, workerCommand } from "./python_source.ts";
export { type ScriptPackages, ScriptPythons, type ScriptPythonsOptions } from "./script_pythons.ts";
export { missingImports } from "./check_imports.ts";
export { megabytes, sizeOf } from "./tree_size.ts";
