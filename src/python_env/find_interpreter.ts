import { delimiter, join } from "node:path";
import { messageOf } from "../errors.ts";
import { HOST_ENV, LEAVE_WORKING_FOLDER, runCommand } from "../process/mod.ts";
import { environmentError } from "./environment_error.ts";

/** The oldest Python that the package runs on. */
const MINIMUM_PYTHON: readonly [number, number] = [3, 10];

const NAMES: readonly string[] = [
  "python3",
  ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`),
  "python",
];

const PROBE_TIMEOUT_MS = 20_000;

/** A Python that was run to learn its version. */
export interface Interpreter {
  /**
   * Absolute path, not through a version manager's shim; inside a virtual environment its own
   * `bin/python`.
   */
  readonly executable: string;
  /** The Python from which a virtual environment was made; otherwise the same as `executable`. */
  readonly baseExecutable: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  /** Such as `CPython`. */
  readonly implementation: string;
  /** True if `python -m venv` can create an environment with pip in it. */
  readonly hasVenv: boolean;
}

/** Versions of Python that will do. */
export interface VersionRange {
  /** The range as the user wrote it, such as `>=3.11`. */
  readonly text: string;
  /** Returns true for a version in the range, such as `3.11.7`. */
  includes(version: string): boolean;
}

/** Options of the search for a Python. */
export interface FindOptions {
  /** The environment in which candidates run. Its PATH is searched. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

// Runs on Python 2 as well, so that the error can name the version.
const PROBE = `${LEAVE_WORKING_FOLDER}
try:
    import venv, ensurepip
    has_venv = True
except ImportError:
    has_venv = False
try:
    implementation = sys.implementation.name
except AttributeError:
    implementation = "unknown"
base = getattr(sys, "_base_executable", None) or sys.executable
print("SNAKEDEN\\t%d\\t%d\\t%d\\t%s\\t%s\\t%s\\t%s" % (
    sys.version_info[0], sys.version_info[1], sys.version_info[2],
    implementation, has_venv, sys.executable, base))
`;

/**
 * Runs the Python at `executable` to learn its version.
 *
 * @returns The interpreter, or the reason why the program is not a usable Python.
 */
export async function probeInterpreter(
  executable: string,
  options: FindOptions,
): Promise<Interpreter | string> {
  const timeout = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const result = await runCommand([executable, "-E", "-s", "-c", PROBE], {
      env: options.env,
      signal,
    });
    return parseProbe(executable, result.stdout) ??
      (result.success
        ? `printed ${JSON.stringify(result.stdout.slice(0, 100))} instead of its version`
        : `exited with ${result.code}: ${result.lines.slice(-3).join(" | ").slice(0, 300)}`);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (timeout.aborted) return `did not answer within ${PROBE_TIMEOUT_MS} ms`;
    return messageOf(error);
  }
}

function parseProbe(asked: string, stdout: string): Interpreter | null {
  const line = stdout.split("\n").find((it) => it.startsWith("SNAKEDEN\t"));
  if (line === undefined) {
    // A wrapper that ignores its arguments may still print its version.
    const [version, major, minor] = /\b(\d+)\.(\d+)\.\d+\b/.exec(stdout) ?? [];
    if (version === undefined) return null;
    return {
      executable: asked,
      baseExecutable: asked,
      version,
      major: Number(major),
      minor: Number(minor),
      implementation: "unknown",
      hasVenv: false,
    };
  }
  const [, major, minor, micro, implementation = "", hasVenv, executable, base] = line.split("\t");
  return {
    executable: executable || asked,
    baseExecutable: base || executable || asked,
    version: `${major}.${minor}.${micro}`,
    major: Number(major),
    minor: Number(minor),
    implementation: implementation === "cpython" ? "CPython" : implementation,
    hasVenv: hasVenv === "True",
  };
}

/** Returns the reason why `python` cannot run Snakeden; null if it can. */
export function unfitReason(python: Interpreter, accepts?: VersionRange): string | null {
  const [major, minor] = MINIMUM_PYTHON;
  if (python.major < major || (python.major === major && python.minor < minor)) {
    return `is Python ${python.version}, older than ${major}.${minor}`;
  }
  if (accepts?.includes(python.version) === false) {
    return `is Python ${python.version}, which ${accepts.text} excludes`;
  }
  if (python.implementation !== "CPython") return `is ${python.implementation}, not CPython`;
  return null;
}

/** Returns the program `name` on the PATH of `env`, or null. A name with a slash is a path. */
export async function lookUp(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<string | null> {
  const places = name.includes("/")
    ? [name]
    : (env.PATH ?? "").split(delimiter).filter((it) => it !== "").map((it) => join(it, name));
  for (const path of places) {
    try {
      const { isFile, mode } = await Deno.stat(path);
      if (isFile && (mode === null || (mode & 0o111) !== 0)) return path;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      // The file is missing, or its directory cannot be entered: the next place counts.
    }
  }
  return null;
}

/** Options of {@link findInterpreter}. */
export interface FindInterpreterOptions extends FindOptions {
  /** The path of uv; null if there is none. */
  readonly uv: string | null;
  /** The versions that will do; all if omitted. */
  readonly accepts?: VersionRange | undefined;
  /** A path or a name on PATH that is tried first. */
  readonly preferred?: string | undefined;
  /** False if no environment will be created from it; true if omitted. */
  readonly needsVenv?: boolean;
}

/**
 * Returns the first Python that fits: the preferred one, `python3`, `python3.14` to `python3.10`,
 * `python`, then the one that uv finds.
 *
 * @throws {SnakedenError} `python_environment`, which lists each candidate and its problem.
 */
export async function findInterpreter(options: FindInterpreterOptions): Promise<Interpreter> {
  const { accepts, needsVenv = true } = options;
  const tried: string[] = [];
  const missing: string[] = [];
  const seen = new Set<string>();
  for await (const candidate of candidates(options, missing)) {
    const found = await probeInterpreter(candidate, options);
    if (typeof found === "string") {
      tried.push(`${candidate} ${found}`);
      continue;
    }
    if (seen.has(found.baseExecutable)) continue;
    seen.add(found.baseExecutable);
    const unfit = unfitReason(found, accepts) ??
      (found.hasVenv || options.uv !== null || !needsVenv ? null : noVenv(found));
    if (unfit === null) return found;
    tried.push(`${candidate} ${unfit}`);
  }
  const [major, minor] = MINIMUM_PYTHON;
  const wanted = accepts === undefined ? "for the workers" : `that is ${accepts.text}`;
  const lines = [
    `Cannot find a Python ${major}.${minor} or later ${wanted}.`,
    ...tried.map((it) => `  - ${it}`),
    ...(missing.length === 0 ? [] : [`  - not on PATH: ${missing.join(", ")}`]),
    "Install one and put it on PATH" +
    (accepts === undefined ? `, or name one by ${HOST_ENV.python} or python.executable.` : "."),
  ];
  const range = accepts === undefined ? {} : { requiresPython: accepts.text };
  throw environmentError(lines.join("\n"), { ...range, tried, missing });
}

function noVenv(python: Interpreter): string {
  return `(${python.version}) has no working venv module; on Debian and Ubuntu: ` +
    `apt install python${python.major}.${python.minor}-venv`;
}

async function* candidates(
  options: FindInterpreterOptions,
  missing: string[],
): AsyncGenerator<string> {
  const { preferred } = options;
  for (const name of preferred === undefined ? NAMES : [preferred, ...NAMES]) {
    const path = await lookUp(name, options.env);
    if (path === null) missing.push(name);
    else yield path;
  }
  if (options.uv === null) {
    missing.push("uv");
    return;
  }
  const range = options.accepts?.text ?? ">=3.10";
  const command = [options.uv, "python", "find", range, "--no-python-downloads"];
  const { success, stdout } = await runCommand(command, options);
  if (success && stdout.trim() !== "") yield stdout.trim();
}
