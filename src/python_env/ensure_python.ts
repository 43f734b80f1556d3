import { join, resolve } from "node:path";
import { SnakedenError } from "../errors.ts";
import { FileLock, makePrivateDirectory } from "../process/mod.ts";
import { missingImports } from "./check_imports.ts";
import { environmentError, fileError } from "./environment_error.ts";
import * as store from "./environments/mod.ts";
import { findInterpreter, lookUp, probeInterpreter, unfitReason } from "./find_interpreter.ts";
import { buildEnvironment, commandEnv, hostEnv } from "./installers/mod.ts";
import { type PythonSource, pythonSource } from "./python_source.ts";
import { readRequirementFiles } from "./requirements/mod.ts";

/** What {@link ensurePython} may be told. */
export interface EnsurePythonOptions {
  /** The environment lies in `<dataDir>/python/<hash>`. */
  readonly dataDir: string;
  /** The user's own interpreter, a path or a name on PATH: nothing is built, only checked. */
  readonly executable?: string | undefined;
  /** Requirement files that are installed besides; not with `executable`. */
  readonly requirements?: readonly string[] | undefined;
  /** Installs what tests and checks need as well, into an environment of its own. */
  readonly dev?: boolean | undefined;
  /** Called with a line for people about each step; never when nothing is to be done. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The Python that runs the workers. Held in use, and so never removed by another process, until it
 * is disposed.
 */
export interface PythonEnvironment extends Disposable {
  /** Absolute path of the interpreter. */
  readonly executable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** Whether this call built the environment. */
  readonly built: boolean;
  /** Lets go of the environment; the same as disposing. */
  release(): void;
}

/** What comes from outside; tests bring their own. */
export interface EnsurePythonDeps {
  readonly source?: PythonSource;
  /** The environment to look for tools in and to hand on, by allow-list. Default this process's. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Finds or builds the Python environment. Safe when several processes ask at once: one builds, the
 * others wait and use it.
 *
 * @throws {SnakedenError} `python_environment`: no fitting Python, no network, a broken package, an
 * import that fails, a directory that cannot be written. The signal's reason when it is aborted; an
 * installer that runs is killed.
 */
export async function ensurePython(
  options: EnsurePythonOptions,
  deps: EnsurePythonDeps = {},
): Promise<PythonEnvironment> {
  options.signal?.throwIfAborted();
  const source = deps.source ?? pythonSource();
  const host = deps.env ?? hostEnv();
  if (options.executable !== undefined) {
    return await checkOwn(options.executable, options, source, commandEnv(host));
  }
  const request: store.EnvironmentRequest = {
    source,
    requirements: (options.requirements ?? []).map((it) => resolve(it)),
    dev: options.dev ?? false,
  };
  const root = join(resolve(options.dataDir), "python");
  const files = await readRequirementFiles(request.requirements, host);
  const key = await store.environmentKey(request, files);
  const env = commandEnv(host, files.flatMap((it) => it.variables));
  try {
    // Checked before anything in it runs.
    await makePrivateDirectory(root);
    const found = await store.findEnvironment(root, key);
    if (found !== null) return handle(found, false);
    return await buildLocked(root, key, request, options, env);
  } catch (error) {
    if (error instanceof SnakedenError || options.signal?.aborted || !isFileError(error)) {
      throw error;
    }
    throw fileError("prepare the Python environment in", root, error);
  }
}

async function buildLocked(
  root: string,
  key: string,
  request: store.EnvironmentRequest,
  options: EnsurePythonOptions,
  env: Record<string, string>,
): Promise<PythonEnvironment> {
  const say = options.onProgress ?? ((): void => {});
  using _lock = await FileLock.waitExclusive(store.buildLockPath(root), {
    signal: options.signal,
    onWait: (holder) =>
      say(`Process ${holder || "?"} is building the Python environment in ${root}; waiting for it`),
  });
  const found = await store.findEnvironment(root, key);
  if (found !== null) return handle(found, false);

  const started = performance.now();
  await store.sweep(root, null);
  const uv = await lookUp("uv", env);
  const python = await findInterpreter({ env, uv, signal: options.signal });
  say(`Python ${python.version} at ${python.baseExecutable}`);
  const path = store.unfinishedPath(root);
  try {
    await buildEnvironment({
      request,
      python,
      uv,
      path,
      env,
      onProgress: say,
      signal: options.signal,
    });
    const name = await store.environmentName(key, python, request.dev);
    const held = await store.adoptEnvironment(root, path, name, { key, version: python.version });
    await store.sweep(root, { path: held.path, dev: request.dev });
    say(`Python environment ready in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return handle(held, true);
  } catch (error) {
    await store.removeTree(path);
    throw error;
  }
}

function handle(held: store.HeldEnvironment, built: boolean): PythonEnvironment {
  const { executable, version, release } = held;
  return { executable, version, built, release, [Symbol.dispose]: release };
}

/** Checks the user's own interpreter; it is never changed. */
async function checkOwn(
  executable: string,
  options: EnsurePythonOptions,
  source: PythonSource,
  env: Record<string, string>,
): Promise<PythonEnvironment> {
  const { signal } = options;
  const path = await lookUp(executable, env);
  if (path === null) {
    throw environmentError(
      `Cannot use the Python ${executable}: ${
        executable.includes("/") ? "no such program" : "not on PATH"
      }`,
      { executable },
    );
  }
  const python = await probeInterpreter(resolve(path), { env, signal });
  const unfit = typeof python === "string" ? python : unfitReason(python);
  if (typeof python === "string" || unfit !== null) {
    throw environmentError(`Cannot use the Python ${path}: it ${unfit}`, { executable });
  }
  const missing = await missingImports(python.executable, source.modules, {
    env: { ...env, PYTHONPATH: source.packagePath },
    signal,
  });
  const files = [source.requirements, ...(options.requirements ?? [])];
  const pip = `${python.executable} -m pip install ${files.map((it) => `-r ${it}`).join(" ")}`;
  if (missing.length > 0) {
    throw environmentError(
      [
        `Cannot use the Python ${python.executable} (${python.version}): these modules do not import:`,
        ...missing.map((it) => `  - ${it.module}: ${it.reason}`),
        `Install them with: ${pip}`,
      ].join("\n"),
      { executable, missing, install: pip },
    );
  }
  if (options.requirements?.length) {
    options.onProgress?.(
      `${python.executable} is your own Python and is left as it is; if needed: ${pip}`,
    );
  }
  const release = (): void => {};
  return {
    executable: python.executable,
    version: python.version,
    built: false,
    release,
    [Symbol.dispose]: release,
  };
}

function isFileError(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied ||
    (error instanceof Error && "code" in error && typeof error.code === "string");
}
