import type { ScriptPythonsOptions } from "../../../python_env/mod.ts";
import { DenoEnvironments, type PreparedDeno } from "./deno_environments.ts";
import {
  type PreparedPython,
  type PrepareOptions,
  PythonEnvironments,
  type ScriptFolderPackages,
} from "./python_environments.ts";

/** Options of {@link ScriptEnvironments}. */
export interface ScriptEnvironmentsOptions extends ScriptPythonsOptions {
  /** The program `deno`; by default the one that runs this process. */
  readonly deno?: string | undefined;
}

/** The environments of all scripts of a host. Disposing ends their use. */
export class ScriptEnvironments implements Disposable {
  readonly #python: PythonEnvironments;
  readonly #deno: DenoEnvironments;

  constructor(options: ScriptEnvironmentsOptions) {
    this.#python = new PythonEnvironments(options);
    this.#deno = new DenoEnvironments(options);
  }

  /**
   * Prepares the Python of a script; see {@link PythonEnvironments.prepare}.
   *
   * @param file The absolute path of the script.
   * @throws {SnakedenError} `environment_failed`. The reason of the signal when it aborts.
   */
  prepare(
    file: string,
    folder?: ScriptFolderPackages,
    options?: PrepareOptions,
  ): Promise<PreparedPython> {
    return this.#python.prepare(file, folder, options);
  }

  /**
   * Prepares what Deno needs for a TypeScript script; see {@link DenoEnvironments.prepare}.
   *
   * @param file The absolute path of the script.
   * @throws {SnakedenError} `environment_failed`. The reason of the signal when it aborts.
   */
  prepareDeno(file: string, options?: PrepareOptions): Promise<PreparedDeno> {
    return this.#deno.prepare(file, options);
  }

  [Symbol.dispose](): void {
    this.#python[Symbol.dispose]();
  }
}
