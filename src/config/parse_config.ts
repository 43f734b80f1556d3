import { isAbsolute, resolve } from "node:path";
import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";
import { describeIssues, type Origins, shownValue } from "./config_issues.ts";
import { crossIssues } from "./checks/mod.ts";
import { defaultPoolSize, defaultSharedMemoryBytes, machineLimits } from "./machine_defaults.ts";
import { type Config, type ConfigInput, configSchema, type ParsedPool } from "./schema.ts";

/** Options of {@link parseConfig}. */
export interface ParseOptions {
  /** The folder to which paths may be relative; default the working directory. */
  readonly baseDir?: string;
  /** The `modulePaths` of a pool that names none; default `baseDir`. */
  readonly modulePaths?: readonly string[];
  /** The name of the input in error texts, such as the path of a file. */
  readonly source?: string;
  readonly origins?: Origins;
  /** Problems that were found before. */
  readonly issues?: readonly FieldIssue[];
}

/**
 * The mark of a configuration that {@link loadConfig} has returned. {@link parseConfig} and
 * spreading keep the mark, whose value is used by loadConfig only.
 */
export const LOADED = Symbol("snakeden.loaded");

/**
 * Checks a configuration, fills in the defaults, and makes relative paths absolute. A configuration
 * that is parsed again stays the same.
 *
 * @throws {InvalidInputError} `config_invalid`, with every problem at once.
 */
export function parseConfig(input: ConfigInput = {}, options: ParseOptions = {}): Config {
  return parseConfigTree(input, options);
}

/** Does the same as {@link parseConfig} for an input from outside, which may be anything. */
export function parseConfigTree(input: unknown, options: ParseOptions): Config {
  const { baseDir = Deno.cwd(), source = "", origins = new Map() } = options;
  if (!isRecord(input)) {
    throw invalidConfig(source, [{
      path: "",
      message: `given ${shownValue(input)}; allowed: an object`,
    }]);
  }
  const parsed = configSchema.safeParse(absolutePaths(input, baseDir));
  const issues = [
    ...options.issues ?? [],
    ...describeIssues(parsed.error?.issues ?? [], { schema: configSchema, input, origins }),
    ...crossIssues(input),
  ];
  if (issues.length > 0 || parsed.data === undefined) throw invalidConfig(source, issues);
  const { data } = parsed;
  return {
    ...data,
    dataDir: resolve(data.dataDir),
    pools: withMachineDefaults(data.pools).map((pool) => ({
      ...pool,
      modulePaths: pool.modulePaths ?? [...options.modulePaths ?? [baseDir]],
      drainMs: pool.drainMs ?? data.drainMs,
    })),
    ...(LOADED in input ? { [LOADED]: input[LOADED] } : {}),
  };
}

/** Fills in the defaults that depend on the machine. */
function withMachineDefaults(
  pools: readonly ParsedPool[],
): (ParsedPool & Pick<Config["pools"][number], "sharedMemoryBytes">)[] {
  const limits = machineLimits();
  const sized = pools.map((pool) =>
    pool.devices === "inherit" && pool.max === undefined
      ? { ...pool, size: pool.size ?? defaultPoolSize(pools.length, limits) }
      : pool
  );
  // A size that depends on devices is not known yet. Machines with some have much memory.
  const workers = sized.reduce((sum, { size, max }) => sum + (size ?? max ?? 1), 0);
  const sharedMemoryBytes = defaultSharedMemoryBytes(workers, limits);
  return sized.map((pool) => ({
    ...pool,
    sharedMemoryBytes: pool.sharedMemoryBytes ?? sharedMemoryBytes,
  }));
}

/** Creates one error for all problems; its text lists them. */
export function invalidConfig(source: string, issues: readonly FieldIssue[]): InvalidInputError {
  const what = source === "" ? "the configuration" : `the configuration ${source}`;
  const count = issues.length === 1 ? "1 problem" : `${issues.length} problems`;
  const list = issues.map(({ path, message }) => `\n  ${path === "" ? "" : `${path}: `}${message}`);
  return new InvalidInputError(
    `Cannot use ${what}: ${count}${list.join("")}`,
    issues,
    "config_invalid",
  );
}

/**
 * Resolves the relative paths of an input against the folder of the file that has them. Leaves
 * everything else unchanged: the schema reports invalid values.
 */
export function absolutePaths(
  input: Readonly<Record<string, unknown>>,
  baseDir: string,
): Record<string, unknown> {
  const result: Record<string, unknown> = { ...input };
  for (const key of ["dataDir", "apiKeyFile"]) {
    if (key in input) result[key] = absolute(input[key], baseDir);
  }
  if ("python" in input) result.python = absolutePython(input.python, baseDir);
  if ("jobs" in input) result.jobs = absoluteJobs(input.jobs, baseDir);
  if (Array.isArray(input.pools)) {
    result.pools = input.pools.map((pool: unknown) => {
      if (!isRecord(pool)) return pool;
      const { modulePaths, python } = pool;
      return {
        ...pool,
        ...("modulePaths" in pool ? { modulePaths: absoluteEach(modulePaths, baseDir) } : {}),
        ...("python" in pool ? { python: absolutePython(python, baseDir) } : {}),
      };
    });
  }
  return result;
}

function absolutePython(python: unknown, baseDir: string): unknown {
  if (!isRecord(python)) return python;
  const { executable, requirements } = python;
  return {
    ...python,
    ...("executable" in python ? { executable: absoluteProgram(executable, baseDir) } : {}),
    ...("requirements" in python ? { requirements: absoluteEach(requirements, baseDir) } : {}),
  };
}

function absoluteJobs(jobs: unknown, baseDir: string): unknown {
  if (!isRecord(jobs)) return jobs;
  const { scriptFolders, commands, wrap } = jobs;
  return {
    ...jobs,
    ...(Array.isArray(scriptFolders)
      ? { scriptFolders: scriptFolders.map((it: unknown) => absoluteFolder(it, baseDir)) }
      : {}),
    ...(isRecord(commands)
      ? {
        commands: Object.fromEntries(
          Object.entries(commands).map(([name, it]) => [
            name,
            isRecord(it) ? { ...it, command: absoluteCommand(it.command, baseDir) } : it,
          ]),
        ),
      }
      : {}),
    ...(wrap === undefined ? {} : { wrap: absoluteCommand(wrap, baseDir) }),
  };
}

function absoluteFolder(folder: unknown, baseDir: string): unknown {
  if (!isRecord(folder)) return absolute(folder, baseDir);
  const { permissions } = folder;
  return {
    ...folder,
    path: absolute(folder.path, baseDir),
    ...("requirements" in folder ? { requirements: absolute(folder.requirements, baseDir) } : {}),
    ...(isRecord(permissions)
      ? {
        permissions: {
          ...permissions,
          ...("read" in permissions ? { read: absoluteEach(permissions.read, baseDir) } : {}),
          ...("write" in permissions ? { write: absoluteEach(permissions.write, baseDir) } : {}),
        },
      }
      : {}),
  };
}

function absoluteCommand(command: unknown, baseDir: string): unknown {
  if (!Array.isArray(command)) return command;
  const [program, ...args]: unknown[] = command;
  return command.length === 0 ? command : [absoluteProgram(program, baseDir), ...args];
}

function absolute(path: unknown, baseDir: string): unknown {
  if (typeof path !== "string" || path === "" || isAbsolute(path)) return path;
  return resolve(baseDir, path);
}

/** Resolves a path; leaves a bare name, such as `python3.12`, to be found on PATH later. */
function absoluteProgram(path: unknown, baseDir: string): unknown {
  return typeof path === "string" && /[\\/]/.test(path) ? absolute(path, baseDir) : path;
}

function absoluteEach(paths: unknown, baseDir: string): unknown {
  return Array.isArray(paths) ? paths.map((path: unknown) => absolute(path, baseDir)) : paths;
}
