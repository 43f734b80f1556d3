/**
 * The Python environment of the workers. {@link ensurePython} finds a Python, builds a private
 * environment from it in the data directory if there is none yet, and returns the interpreter that
 * runs the workers. If nothing has changed, it starts no process.
 *
 * find_interpreter.ts runs candidates to identify them; requirements/ reads requirements files;
 * environments/ decides when an environment is out of date, and manages `<dataDir>/python`;
 * installers/ builds a new one. A lock keeps two hosts from building at once, and no installer
 * outlives this process.
 *
 * @module
 */
export { ensurePython, type EnsurePythonOptions, type PythonEnvironment } from "./ensure_python.ts";
export type { Interpreter } from "./find_interpreter.ts";
export { packagePath, type PythonSource, pythonSource, workerCommand } from "./python_source.ts";
export { missingImports } from "./check_imports.ts";
