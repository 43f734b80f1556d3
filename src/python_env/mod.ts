/**
 * The Python environment of the workers. {@link ensurePython} finds a Python, makes a private
 * environment of it in the data directory when there is none yet, and says which interpreter runs the
 * workers; when nothing changed it runs no process at all.
 *
 * Parts: find_interpreter.ts runs candidates to learn what they are; environment_key.ts says when an
 * environment is out of date; environment_store.ts knows what lies in `<dataDir>/python`, who uses it
 * and what may go; build_environment.ts fills a new one; install_failure.ts puts the reason of a failed
 * installation in words.
 *
 * @module
 */
export { ensurePython, type EnsurePythonOptions, type PythonEnvironment } from "./ensure_python.ts";
export type { Interpreter } from "./find_interpreter.ts";
export { packagePath, type PythonSource, pythonSource, workerCommand } from "./python_source.ts";
export { missingImports } from "./check_imports.ts";
