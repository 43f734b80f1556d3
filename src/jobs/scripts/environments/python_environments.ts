import { satisfies } from "@renovatebot/pep440";
import { SharedWork } from "../../../async/mod.ts";
import {
  packagePath,
  type PythonEnvironment,
  ScriptPythons,
  type ScriptPythonsOptions,
  type VersionRange,
} from "../../../python_env/mod.ts";
import { environmentFailed, environmentFailureOf, FINAL } from "./environment_failed.ts";
import { fileState } from "./file_states.ts";
import { type InlineMetadata, readInlineMetadata } from "./inline_metadata.ts";

/** The most bytes of a Python script. */
const MAX_SCRIPT_BYTES = 16 * 1024 * 1024;
/** The time after which this process stops to hold an environment that no script uses. */
const HELD_MS = 10 * 60 * 1000;
/** The time between two removals of unused environments. */
const SWEEP_MS = 24 * 60 * 60 * 1000;

/** The folder of a script, as the configuration describes it. */
export interface ScriptFolderPackages {
  /** The requirements file of scripts without metadata of their own. */
  readonly requirements?: string | undefined;
}

/** Options of the preparation of one script. */
export interface PrepareOptions {
  /** The name of the script in errors; its path if omitted. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with a readable line about each step, or never if nothing has to be done. */
  readonly onProgress?: ((line: string) => void) | undefined;
}

/** The Python of a script. It stays in use until it is disposed, so that nobody removes it. */
export interface PreparedPython extends Disposable {
  /** The absolute path of the interpreter, which is no version manager's shim. */
  readonly python: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** The origin: the metadata in the script, the requirements of its folder, or the host. */
  readonly source: "metadata" | "requirements" | "host";
  /** The variables that the script needs besides its own. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the use; the same as disposing. A second call does nothing. */
  release(): void;
}

/** Dependencies of {@link PythonEnvironments}, which tests replace. */
export interface PythonEnvironmentsDeps {
  readonly pythons?: ScriptPythons;
  readonly nowMs?: () => number;
}

/** A Python that is ready, and its uses. */
interface Ready {
  readonly executable: string;
  readonly version: string;
  /** Undefined for an interpreter that belongs to the user. */
  readonly environment: PythonEnvironment | undefined;
  /** The state of the file of the interpreter when it was found. */
  readonly state: string;
  uses: number;
  usedMs: number;
}

/**
 * The Pythons of script jobs. Scripts with the same packages share one environment, which is built
 * once; it is ready for the next ones at once.
 */
export class PythonEnvironments implements Disposable {
  readonly #pythons: ScriptPythons;
  readonly #nowMs: () => number;
  readonly #ready = new Map<string, Ready>();
  readonly #work = new SharedWork<Ready>();
  #sweptMs = -Infinity;
  #isClosed = false;

  constructor(options: ScriptPythonsOptions, deps: PythonEnvironmentsDeps = {}) {
    this.#pythons = deps.pythons ?? new ScriptPythons(options);
    this.#nowMs = deps.nowMs ?? Date.now;
  }

  /**
   * Prepares the Python of a script: the environment that its inline metadata (PEP 723) describes,
   * else the one with the requirements of its folder, else the host's own Python.
   *
   * @param file The absolute path of the script.
   * @throws {SnakedenError} `environment_failed`: broken metadata, no fitting Python, a package
   * that cannot be installed. The reason of the signal when it aborts; the installer is then
   * killed, unless another script waits for the same.
   */
  async prepare(
    file: string,
    folder: ScriptFolderPackages = {},
    options: PrepareOptions = {},
  ): Promise<PreparedPython> {
    const { name = file, signal, onProgress } = options;
    signal?.throwIfAborted();
    const { metadata, warnings } = readInlineMetadata(await textOf(file, name), name);
    for (const line of warnings) onProgress?.(line);
    try {
      const { source, key, open } = await this.#planOf(metadata, folder, onProgress);
      const ready = await this.#open(key, signal, open);
      return this.#use(ready, source);
    } catch (error) {
      throw signal?.aborted ? error : environmentFailureOf(name, error);
    }
  }

  /** Stops to hold all environments. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const { environment } of this.#ready.values()) environment?.release();
    this.#ready.clear();
  }

  async #planOf(
    metadata: InlineMetadata | undefined,
    folder: ScriptFolderPackages,
    onProgress: PrepareOptions["onProgress"],
  ): Promise<{
    readonly source: PreparedPython["source"];
    readonly key: string;
    readonly open: (signal: AbortSignal) => Promise<Ready>;
  }> {
    const accepts = rangeOf(metadata?.requiresPython);
    const packages = metadata?.dependencies ?? [];
    const requirements = metadata === undefined && folder.requirements !== undefined
      ? [folder.requirements]
      : [];
    const source = metadata !== undefined
      ? "metadata"
      : requirements.length > 0
      ? "requirements"
      : "host";
    if (packages.length + requirements.length === 0) {
      const open = async (signal: AbortSignal): Promise<Ready> => {
        const found = await this.#pythons.interpreter({ accepts, signal });
        return await this.#readyOf(found, undefined);
      };
      return { source, key: `own ${accepts?.text ?? ""}`, open };
    }
    const target = await this.#pythons.target({ requirements, packages });
    const open = async (signal: AbortSignal): Promise<Ready> => {
      const environment = await this.#pythons.open(target, { accepts, signal, onProgress });
      return await this.#readyOf(environment, environment);
    };
    return { source, key: `private ${target.id} ${accepts?.text ?? ""}`, open };
  }

  async #open(
    key: string,
    signal: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<Ready>,
  ): Promise<Ready> {
    this.#tidy();
    const known = this.#ready.get(key);
    if (known !== undefined) {
      // Taken before the wait, so that nobody releases it meanwhile.
      known.uses++;
      const same = await fileState(known.executable) === known.state;
      known.uses--;
      if (same) return known;
      if (this.#ready.get(key) === known) this.#ready.delete(key);
      if (known.uses === 0) known.environment?.release();
    }
    return await this.#work.run(key, signal, async (shared) => {
      const ready = await open(shared);
      if (!this.#isClosed) this.#ready.set(key, ready);
      return ready;
    });
  }

  async #readyOf(
    { executable, version }: { readonly executable: string; readonly version: string },
    environment: PythonEnvironment | undefined,
  ): Promise<Ready> {
    const state = await fileState(executable);
    return { executable, version, environment, state, uses: 0, usedMs: this.#nowMs() };
  }

  #use(ready: Ready, source: PreparedPython["source"]): PreparedPython {
    ready.uses++;
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      ready.uses--;
      ready.usedMs = this.#nowMs();
      const isKept = [...this.#ready.values()].includes(ready);
      if (ready.uses === 0 && !isKept) ready.environment?.release();
    };
    const { executable: python, version } = ready;
    return { python, version, source, env: ENV, release, [Symbol.dispose]: release };
  }

  /** Releases what no script has used for a while, and removes old environments now and then. */
  #tidy(): void {
    const now = this.#nowMs();
    for (const [key, { uses, usedMs, environment }] of this.#ready) {
      if (uses > 0 || now - usedMs < HELD_MS) continue;
      this.#ready.delete(key);
      environment?.release();
    }
    if (now - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = now;
    // A removal that fails is repeated by the next build.
    this.#pythons.sweep().catch(() => {});
  }
}

/** Makes `import snakeden` work in every interpreter. */
const ENV: Readonly<Record<string, string>> = {
  PYTHONPATH: packagePath(),
  PYTHONNOUSERSITE: "1",
};

function rangeOf(text: string | undefined): VersionRange | undefined {
  if (text === undefined) return undefined;
  return { text, includes: (version) => satisfies(version, text) };
}

async function textOf(file: string, name: string): Promise<string> {
  try {
    const { size, isFile } = await Deno.stat(file);
    if (!isFile) throw environmentFailed(name, "it is not a file");
    if (size > MAX_SCRIPT_BYTES) {
      throw environmentFailed(
        name,
        `it has ${size} bytes; at most ${MAX_SCRIPT_BYTES} are allowed`,
        FINAL,
      );
    }
    const bytes = await Deno.readFile(file);
    // Metadata is ASCII; other bytes are in other lines, whatever the encoding of the script is.
    return new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw environmentFailed(name, "there is no such file", {}, error);
    }
    throw error;
  }
}
