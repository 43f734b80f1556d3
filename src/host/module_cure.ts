import type { PoolConfig } from "../config/mod.ts";
import type { PythonEnvironment } from "../python_env/mod.ts";
import { hasPython } from "./open_python.ts";

/** The properties of a Python that the cure for a missing module depends on. */
export type CuredPython = Pick<PythonEnvironment, "executable" | "version" | "environment">;

/**
 * Returns the cure for a module that is missing in the Python of a pool. Clients of the server see
 * the text of a failed call, so it contains no path.
 */
export function moduleCure(
  pool: Pick<PoolConfig, "name" | "python">,
  { executable, version, environment }: CuredPython,
): { readonly ofCalls: string; readonly ofStarts: string } {
  const files = hasPython(pool.python)
    ? `python.requirements of pool ${pool.name}`
    : "python.requirements";
  const action = environment === undefined
    ? `install its package into the Python of pool ${pool.name}`
    : `add its package to ${files}`;
  const text = `${action}; a module of your own needs its folder in modulePaths`;
  const where = `pool ${pool.name} runs Python ${version}`;
  return { ofCalls: `${text} (${where})`, ofStarts: `${text} (${where} at ${executable})` };
}
