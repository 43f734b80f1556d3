import type { Config } from "../config/mod.ts";
import { ensurePython, type PythonEnvironment } from "../python_env/mod.ts";

/** Options of the wait for the environment. */
export interface OpenPythonOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onSetupProgress?: ((line: string) => void) | undefined;
}

/**
 * Opens the Python environment that the configuration asks for; builds it if needed.
 *
 * @throws {SnakedenError} `python_environment`.
 */
export async function openPython(
  { dataDir, python: { requirements, executable } }: Config,
  { signal, onSetupProgress }: OpenPythonOptions,
): Promise<PythonEnvironment> {
  return await ensurePython({
    dataDir,
    requirements,
    ...(executable === undefined ? {} : { executable }),
    ...(onSetupProgress === undefined ? {} : { onProgress: onSetupProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
}
