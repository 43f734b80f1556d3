import { missingImports } from "./check_imports.ts";
import { environmentError } from "./environment_error.ts";
import { probeInterpreter, unfitReason } from "./find_interpreter.ts";
import type { OpenOptions, PythonEnvironment } from "./python_environment.ts";
import type { OwnTarget } from "./python_target.ts";

/**
 * Checks the user's own interpreter, which is never changed.
 *
 * @throws {SnakedenError} `python_environment` when it cannot run workers; the text contains the
 * command that installs missing modules.
 */
export async function openOwn(
  target: OwnTarget,
  { onProgress, signal }: OpenOptions,
): Promise<PythonEnvironment> {
  const { executable, path, source, env } = target;
  if (path === null) {
    const reason = executable.includes("/") ? "no such program" : "not on PATH";
    throw environmentError(`Cannot use the Python ${executable}: ${reason}`, { executable });
  }
  const python = await probeInterpreter(path, { env, signal });
  const unfit = typeof python === "string" ? python : unfitReason(python);
  if (typeof python === "string" || unfit !== null) {
    throw environmentError(`Cannot use the Python ${path}: it ${unfit}`, { executable });
  }
  const missing = await missingImports(python.executable, source.modules, {
    env: { ...env, PYTHONPATH: source.packagePath },
    signal,
  });
  const files = [source.requirements, ...target.requirements];
  const pip = `${python.executable} -m pip install ${files.map((it) => `-r ${it}`).join(" ")}`;
  if (missing.length > 0) {
    throw environmentError(
      [
        `Cannot use the Python ${python.executable} (${python.version}): ` +
        "these modules do not import:",
        ...missing.map((it) => `  - ${it.module}: ${it.reason}`),
        `Install them with: ${pip}`,
      ].join("\n"),
      { executable, missing, install: pip },
    );
  }
  if (target.requirements.length > 0) {
    onProgress?.(
      `${python.executable} is your own Python and is left as it is; if needed: ${pip}`,
    );
  }
  const release = (): void => {};
  return {
    executable: python.executable,
    version: python.version,
    built: false,
    environment: undefined,
    release,
    [Symbol.dispose]: release,
  };
}
