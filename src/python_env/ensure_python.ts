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
  /** Installs what tests and checks need as well, into an environment of its own. */
  readonly dev?: boolean | undefined;
}

/** What comes from outside; tests bring their own. */
export interface EnsurePythonDeps {
  readonly source?: PythonSource;
  /**
   * The environment in which tools are looked for, and of which some variables are passed on; by
   * default that of this process.
   */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Finds or builds the Python environment. Safe when several processes ask at once: one builds, the
 * others wait and use the result.
 *
 * @throws {SnakedenError} `python_environment`: no fitting Python, no network, a broken package, an
 * import that fails, a directory that cannot be written. The signal's reason when it is aborted; an
 * installer that runs is killed.
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

/** Opens a Python that was asked for; builds it if needed. */
export async function openTarget(
  target: PythonTarget,
  options: OpenOptions & { readonly root: string; readonly set?: string },
): Promise<PythonEnvironment> {
  return target.kind === "own"
    ? await openOwn(target, options)
    : await openPrivate(target, options);
}
