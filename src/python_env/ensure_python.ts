import { join, resolve } from "node:path";
import { hostEnv } from "./installers/mod.ts";
import { openOwn } from "./own_python.ts";
import { openPrivate } from "./private_python.ts";
import type { OpenOptions, PythonEnvironment } from "./python_environment.ts";
import { type PythonSource, pythonSource } from "./python_source.ts";
import { type PythonChoice, type PythonTarget, readTarget } from "./python_target.ts";

/** Options of {@link ensurePython}. */
export interface EnsurePythonOptions extends PythonChoice, OpenOptions {
  /** Private environments are in `<dataDir>/python`. */
  readonly dataDir: string;
  /** Adds the packages of tests and checks, in a separate environment. */
  readonly dev?: boolean | undefined;
}

/** Dependencies of {@link ensurePython}, which tests replace. */
export interface EnsurePythonDeps {
  readonly source?: PythonSource;
  /**
   * The environment variables by which programs are found, and of which some are passed on. By
   * default those of this process.
   */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Finds or builds a Python. If several processes need the same environment at once, one builds it,
 * and the others wait and use the result.
 *
 * @throws {SnakedenError} `python_environment`: no fitting Python, no network, a broken package, an
 * import that fails, or a directory that cannot be written. The reason of the signal when it
 * aborts; the running installer is then killed.
 */
export async function ensurePython(
  options: EnsurePythonOptions,
  deps: EnsurePythonDeps = {},
): Promise<PythonEnvironment> {
  const { dataDir, dev, signal } = options;
  signal?.throwIfAborted();
  const target = await readTarget(options, {
    source: deps.source ?? pythonSource(),
    host: deps.env ?? hostEnv(),
    dev,
  });
  return await openTarget(target, { ...options, root: environmentRoot(dataDir) });
}

/** Returns the folder of the private environments of a data directory. */
export function environmentRoot(dataDir: string): string {
  return join(resolve(dataDir), "python");
}

/** Opens a Python; builds its environment if needed. */
export async function openTarget(
  target: PythonTarget,
  options: OpenOptions & { readonly root: string; readonly set?: string },
): Promise<PythonEnvironment> {
  return target.kind === "own"
    ? await openOwn(target, options)
    : await openPrivate(target, options);
}
