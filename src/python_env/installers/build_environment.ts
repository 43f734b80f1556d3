import { join } from "node:path";
import { type CommandResult, runGuarded } from "../../process/mod.ts";
import { missingImports } from "../check_imports.ts";
import { environmentError } from "../environment_error.ts";
import { type EnvironmentRequest, lockedFiles, pythonIn } from "../environments/mod.ts";
import type { Interpreter } from "../find_interpreter.ts";
import { installFailure, isUnread, saysNoReason } from "./install_failure.ts";
import { InstallerProgress } from "./installer_progress.ts";
import { pipFileSettings } from "./installer_settings.ts";

/**
 * Options that keep Python from importing from the working folder, which may contain a `pip.py`,
 * and from reading PYTHON variables.
 */
const ISOLATED: readonly string[] = ["-I", "-X", "utf8"];

/** Options of {@link buildEnvironment}. */
export interface BuildOptions {
  readonly request: EnvironmentRequest;
  readonly python: Interpreter;
  /** The path of uv, or null to use venv and pip. */
  readonly uv: string | null;
  /** The folder to build in, which does not exist yet. */
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

interface Build extends BuildOptions {
  readonly progress: InstallerProgress;
}

/** The result of a build. */
export interface BuildResult {
  /** The size of the downloaded packages, as the installer reports it. */
  readonly downloadedBytes: number;
}

/**
 * Creates a virtual environment at `path`, installs everything into it, and imports the modules
 * that must import.
 *
 * @throws {SnakedenError} `python_environment` with the reason. The caller removes the incomplete
 * environment.
 */
export async function buildEnvironment(given: BuildOptions): Promise<BuildResult> {
  const { request, onProgress } = given;
  const progress = new InstallerProgress(onProgress);
  let options: Build = { ...given, progress };
  onProgress(`Creating environment with ${options.uv === null ? "venv and pip" : "uv"}`);
  await createEnvironment(options);
  if (options.uv === null) {
    const settings = await pipFileSettings(
      pythonIn(options.path),
      (command, env) => run({ ...options, env: { ...options.env, ...env } }, command),
    );
    options = { ...options, env: { ...options.env, ...settings } };
  }
  const locked = lockedFiles(request);
  if (locked.length > 0) {
    const args = ["--require-hashes", ...locked.flatMap((it) => ["-r", it])];
    await install(options, "the locked dependencies", args);
  }
  await linkPackage(options);
  await installWanted(options, locked);
  if (locked.length > 0) await checkImports(options);
  return { downloadedBytes: progress.downloadedBytes };
}

async function createEnvironment(options: BuildOptions): Promise<void> {
  const { python, uv, path } = options;
  const command = uv === null
    ? [python.baseExecutable, ...ISOLATED, "-m", "venv", path]
    : [uv, "venv", "--quiet", "--no-project", "--python", python.baseExecutable, path];
  const result = await run(options, command);
  if (result.success) return;
  if (uv === null && /ensurepip/.test(result.lines.join("\n"))) {
    throw environmentError(
      `Cannot create the Python environment: the venv module of ${python.executable} ` +
        `(${python.version}) does not work; on Debian and Ubuntu: ` +
        `apt install python${python.major}.${python.minor}-venv`,
      { lastOutput: result.lines.slice(-15) },
    );
  }
  throw installFailure(`a virtual environment at ${path}`, result);
}

/** Installs what the user wants, in versions that go with the locked ones. */
async function installWanted(options: Build, locked: readonly string[]): Promise<void> {
  const { requirements, packages = [] } = options.request;
  const wanted = [...requirements, ...packages];
  if (wanted.length === 0) return;
  const args = [...requirements.flatMap((it) => ["-r", it]), ...packages];
  const pins = await pinsOf(locked);
  if (pins.length > 0) {
    const constraints = join(options.path, "locked-versions.txt");
    await Deno.writeTextFile(constraints, `${pins.join("\n")}\n`);
    args.unshift("-c", constraints);
  }
  await install(options, wanted.join(", "), args, pins);
}

async function install(
  options: Build,
  what: string,
  args: string[],
  pins: readonly string[] = [],
): Promise<void> {
  const python = pythonIn(options.path);
  const command = options.uv === null
    ? [python, ...ISOLATED, "-m", "pip", "install", ...args]
    : [options.uv, "pip", "install", "--no-config", "--python", python, ...args];
  const result = await run(options, command, (line) => options.progress.read(line));
  if (result.success) return;
  const isUnknown = options.uv === null && saysNoReason(result) && await lacks(options, command);
  throw installFailure(what, result, { pins, isUnknown });
}

/**
 * Asks pip once more; returns true if it finds no version of a package again, and has read all
 * places. Only its longest output tells that.
 */
async function lacks(options: Build, command: readonly string[]): Promise<boolean> {
  const env = { ...options.env, PIP_VERBOSE: "2", PIP_RETRIES: "0" };
  let hasUnread = false;
  const again = await run({ ...options, env }, [...command, "--dry-run"], (line) => {
    hasUnread ||= isUnread(line);
  });
  return !again.success && !hasUnread && again.lines.some((it) => /from versions: none/.test(it));
}

function run(
  options: BuildOptions,
  command: string[],
  onLine?: (line: string) => void,
): Promise<CommandResult> {
  return runGuarded(options.python.baseExecutable, command, {
    env: options.env,
    signal: options.signal,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

/**
 * Links the package of the checkout by a `.pth` file: an edit is effective at the next start of a
 * worker, and no build tool is needed.
 */
async function linkPackage(options: BuildOptions): Promise<void> {
  const lib = join(options.path, "lib");
  // Not derived from the version: a free-threaded Python names the folder `python3.14t`.
  const names = Array.from(Deno.readDirSync(lib), (it) => it.name);
  const python = names.find((it) => it.startsWith("python")) ?? "python";
  const file = join(lib, python, "site-packages", "snakeden.pth");
  await Deno.writeTextFile(file, `${options.request.source.packagePath}\n`);
}

/**
 * Returns the locked versions, such as `grpcio==1.85.1`, which the user's files must not replace.
 * They have no hashes: with a single hash, pip requires hashes for all packages.
 */
async function pinsOf(locked: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(locked.map((it) => Deno.readTextFile(it)));
  const pins = texts.flatMap((it) => it.split("\n")).filter((it) => /^[A-Za-z0-9]/.test(it))
    .map((it) => it.replace(/\s*\\$/, "").replace(/\s+--hash.*/, ""));
  return [...new Set(pins)];
}

async function checkImports(options: BuildOptions): Promise<void> {
  const { env, signal, request } = options;
  const missing = await missingImports(pythonIn(options.path), request.source.modules, {
    env,
    signal,
  });
  if (missing.length === 0) return;
  const lines = missing.map((it) => `  - import ${it.module}: ${it.reason}`);
  throw environmentError(
    [
      `Cannot use the environment that was installed for Python ${options.python.version}: ` +
      "these modules do not import:",
      ...lines,
    ].join("\n"),
    { missing },
  );
}
