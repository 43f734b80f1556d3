import { SnakedenError } from "../errors.ts";
import { makePrivateDirectory } from "../process/mod.ts";
import { fileError } from "./environment_error.ts";
import {
  adoptEnvironment,
  environmentName,
  findEnvironment,
  type HeldEnvironment,
  lockBuild,
  sweepEnvironments,
} from "./environments/mod.ts";
import { findInterpreter, lookUp, type VersionRange } from "./find_interpreter.ts";
import { buildEnvironment } from "./installers/mod.ts";
import type { OpenOptions, PythonEnvironment } from "./python_environment.ts";
import type { PrivateTarget } from "./python_target.ts";
import { megabytes, sizeOf } from "./tree_size.ts";

/** Options of {@link openPrivate}. */
export interface OpenPrivateOptions extends OpenOptions {
  /** The folder of all environments. */
  readonly root: string;
  /** The set of environments that are used together. By default this one is used alone. */
  readonly set?: string;
  /** The versions of Python that will do; all if omitted. */
  readonly accepts?: VersionRange | undefined;
}

/**
 * Finds or builds a private environment. If several processes need it at once, one builds it, and
 * the others wait and use the result.
 *
 * @throws {SnakedenError} `python_environment`; the reason of the signal when it aborts.
 */
export async function openPrivate(
  target: PrivateTarget,
  options: OpenPrivateOptions,
): Promise<PythonEnvironment> {
  const { root, signal } = options;
  try {
    // Checked before any program in it runs.
    await makePrivateDirectory(root);
    const found = await findEnvironment(root, target.id, options);
    if (found !== null) return handle(found, false);
    return await buildLocked(target, options);
  } catch (error) {
    if (error instanceof SnakedenError || signal?.aborted || !isFileError(error)) throw error;
    throw fileError("prepare the Python environment in", root, error);
  }
}

async function buildLocked(
  target: PrivateTarget,
  options: OpenPrivateOptions,
): Promise<PythonEnvironment> {
  const { id: key, request, env } = target;
  const { root, set = key, signal } = options;
  const say = options.onProgress ?? ((): void => {});
  await using lock = await lockBuild(root, key, {
    signal,
    onWait: (holder) =>
      say(`Process ${holder || "?"} is building the Python environment in ${root}; waiting for it`),
  });
  const found = await findEnvironment(root, key, options);
  if (found !== null) return handle(found, false);

  const started = performance.now();
  const uv = await lookUp("uv", env);
  const python = await findInterpreter({
    env,
    uv,
    signal,
    accepts: options.accepts,
    preferred: request.preferred,
  });
  say(`Python ${python.version} at ${python.baseExecutable}`);
  const path = lock.unfinished;
  const { downloadedBytes } = await buildEnvironment({
    request,
    python,
    uv,
    path,
    env,
    onProgress: say,
    signal,
  });
  const installedBytes = await sizeOf(path);
  const seconds = (performance.now() - started) / 1000;
  const { requirements, packages = [] } = request;
  const build = {
    installedBytes,
    downloadedBytes,
    seconds,
    requirements: [...requirements, ...packages],
  };
  const name = await environmentName(key, python, request.kind);
  const { version } = python;
  const held = await adoptEnvironment(root, path, name, { key, set, version, build });
  try {
    await sweepEnvironments(root, set, request);
  } catch (error) {
    held.release();
    throw error;
  }
  const downloaded = downloadedBytes === 0 ? "" : `, ${megabytes(downloadedBytes)} downloaded`;
  say(
    `Python environment ready in ${seconds.toFixed(1)} s: ` +
      `${megabytes(installedBytes)} installed${downloaded}`,
  );
  return handle(held, true);
}

function handle(held: HeldEnvironment, built: boolean): PythonEnvironment {
  const { executable, version, path, build, release } = held;
  return {
    executable,
    version,
    built,
    environment: { path, build },
    release,
    [Symbol.dispose]: release,
  };
}

function isFileError(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable ||
    error instanceof Deno.errors.PermissionDenied ||
    (error instanceof Error && "code" in error && typeof error.code === "string");
}
