import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What an environment is made of: the package of this checkout and its locked dependencies. */
export interface PythonSource {
  /** Folder that holds the package `snakeden`. */
  readonly packagePath: string;
  /** Locked dependencies of the package. */
  readonly requirements: string;
  /** What tests and checks need besides. */
  readonly devRequirements: string;
  /** Modules that must import in a good environment. */
  readonly modules: readonly string[];
}

const PYTHON_DIR = fileURLToPath(new URL("../../python/", import.meta.url));

/** Folder that holds the package `snakeden`, for PYTHONPATH. */
export function packagePath(): string {
  return join(PYTHON_DIR, "src");
}

/** The source in this checkout. */
export function pythonSource(): PythonSource {
  return {
    packagePath: packagePath(),
    requirements: join(PYTHON_DIR, "requirements.txt"),
    devRequirements: join(PYTHON_DIR, "requirements-dev.txt"),
    modules: ["grpc", "google.protobuf", "msgspec", "psutil", "snakeden"],
  };
}

/**
 * The command that starts a worker. It names a file and not a module: with `-m`, Python would
 * import modules from the working folder first. `-P` also keeps processes that multiprocessing
 * starts from importing there; Python 3.10 does not know the option.
 */
export function workerCommand(
  python: { readonly executable: string; readonly version: string },
): [program: string, ...args: string[]] {
  const flags = /^3\.10\./.test(python.version) ? [] : ["-P"];
  return [python.executable, ...flags, join(packagePath(), "snakeden", "worker.py")];
}
