import { resolve } from "node:path";
import type { EnsurePythonDeps } from "./ensure_python.ts";
import { environmentRoot } from "./ensure_python.ts";
import { environmentError } from "./environment_error.ts";
import { environmentKey, type EnvironmentRequest, sweepEnvironments } from "./environments/mod.ts";
import {
  findInterpreter,
  type Interpreter,
  lookUp,
  probeInterpreter,
  unfitReason,
  type VersionRange,
} from "./find_interpreter.ts";
import { commandEnv, hostEnv } from "./installers/mod.ts";
import { openPrivate } from "./private_python.ts";
import type { OpenOptions, PythonEnvironment } from "./python_environment.ts";
import { pythonSource } from "./python_source.ts";
import type { PrivateTarget } from "./python_target.ts";
import { readRequirementFiles } from "./requirements/mod.ts";

/** The packages of a script. */
export interface ScriptPackages {
  /** Requirements files. */
  readonly requirements?: readonly string[];
  /** Packages as PEP 508 writes them. */
  readonly packages?: readonly string[];
}

/** Options of {@link ScriptPythons}. */
export interface ScriptPythonsOptions {
  /** Private environments are in `<dataDir>/python`. */
  readonly dataDir: string;
  /** The interpreter that the user has chosen: a path, or a name on PATH. */
  readonly executable?: string | undefined;
}

/**
 * The Pythons of scripts: the host's own interpreter, and private environments with the packages
 * of a script. They have none of the dependencies of workers. Scripts whose packages are the same
 * share an environment.
 */
export class ScriptPythons {
  readonly #options: ScriptPythonsOptions;
  readonly #deps: Required<EnsurePythonDeps>;

  constructor(options: ScriptPythonsOptions, deps: EnsurePythonDeps = {}) {
    this.#options = options;
    this.#deps = { source: pythonSource(), env: hostEnv(), ...deps };
  }

  /**
   * Identifies the environment with some packages. Equal packages have equal ids. Starts no
   * process.
   *
   * @throws {SnakedenError} `python_environment` when a requirements file cannot be read.
   */
  async target({ requirements = [], packages = [] }: ScriptPackages): Promise<PrivateTarget> {
    const { source, env: host } = this.#deps;
    const { executable } = this.#options;
    const request: EnvironmentRequest = {
      source,
      requirements: requirements.map((it) => resolve(it)),
      packages,
      kind: "script",
      preferred: executable,
    };
    const files = await readRequirementFiles(request.requirements, host);
    return {
      kind: "private",
      id: await environmentKey(request, files),
      request,
      env: commandEnv(host, files.flatMap((it) => it.variables)),
    };
  }

  /**
   * Opens an environment; builds it if needed.
   *
   * @throws {SnakedenError} `python_environment`; the reason of the signal when it aborts.
   */
  open(
    target: PrivateTarget,
    options: OpenOptions & { readonly accepts?: VersionRange | undefined },
  ): Promise<PythonEnvironment> {
    return openPrivate(target, { ...options, root: environmentRoot(this.#options.dataDir) });
  }

  /**
   * Finds an interpreter without packages: the one that the user has chosen if it fits, else the
   * first on PATH that does. Its path is that of the program itself, never a version manager's
   * shim.
   *
   * @throws {SnakedenError} `python_environment`, which lists each candidate and its problem.
   */
  async interpreter(
    { accepts, signal }: {
      readonly accepts?: VersionRange | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<Pick<Interpreter, "executable" | "version">> {
    const env = commandEnv(this.#deps.env);
    const { executable } = this.#options;
    if (executable !== undefined) {
      const own = await this.#own(executable, { env, signal });
      // Not resolved further: a virtual environment is found by the path of its interpreter.
      if (accepts?.includes(own.version) !== false) return own;
    }
    const uv = await lookUp("uv", env);
    const found = await findInterpreter({ env, uv, signal, accepts, needsVenv: false });
    return { executable: await Deno.realPath(found.baseExecutable), version: found.version };
  }

  /** Removes environments of scripts that have not been used for a while. */
  async sweep(): Promise<void> {
    await sweepEnvironments(environmentRoot(this.#options.dataDir), "", { kind: "script" });
  }

  async #own(
    executable: string,
    options: { readonly env: Record<string, string>; readonly signal?: AbortSignal | undefined },
  ): Promise<Interpreter> {
    const path = await lookUp(executable, options.env);
    const found = path === null
      ? executable.includes("/") ? "is not there" : "is not on PATH"
      : await probeInterpreter(resolve(path), options);
    const unfit = typeof found === "string" ? found : unfitReason(found);
    if (typeof found === "string" || unfit !== null) {
      throw environmentError(`Cannot use the Python ${executable}: it ${unfit}`, { executable });
    }
    return found;
  }
}
