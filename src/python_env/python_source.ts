import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The contents of every environment: the package of this checkout and its dependencies. */
export interface PythonSource {
  /** The folder that contains the package `snakeden`. */
  readonly packagePath: string;
  /** The requirements file with the locked dependencies of the package. */
  readonly requirements: string;
  /** The requirements file of tests and checks. */
  readonly devRequirements: string;
  /** The modules that must import in a working environment. */
  readonly modules: readonly string[];
}

const PYTHON_DIR = fileURLToPath(new URL("../../python/", import.meta.url));

/** Returns the folder that contains the package `snakeden`, for PYTHONPATH. */
export function packagePath(): string {
  return join(PYTHON_DIR, "src");
}

/** Returns the source in this checkout. */
export function pythonSource(): PythonSource {
  return {
    packagePath: packagePath(),
    requirements: join(PYTHON_DIR, "requirements.txt"),
    devRequirements: join(PYTHON_DIR, "requirements-dev.txt"),
    modules: ["grpc", "google.protobuf", "msgspec", "psutil", "snakeden"],
  };
}

/**
 * Returns the command that starts a worker. It names a file and not a module: with `-m`, Python
 * would import modules from the working folder first. `-P` also keeps processes that
 * multiprocessing starts from importing there; Python 3.10 does not know this option.
 */
export function workerCommand(
  python: { readonly executable: string; readonly version: string },
): [program: string, ...args: string[]] {
  const flags = /^3\.10\./.test(python.version) ? [] : ["-P"];
  return [python.executable, ...flags, join(packagePath(), "snakeden", "worker.py")];
}
