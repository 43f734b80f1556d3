import { showCaller } from "../caller_stack.ts";
import type { FieldIssue } from "../errors.ts";
import { isGranted, readVariable } from "../granted.ts";
import { isRecord } from "../json/mod.ts";
import type { Level, LogFormat } from "../log.ts";
import { HOST_ENV } from "../process/mod.ts";
import { readApiKeyFile } from "./api_key_file.ts";
import { type ConfigFile, readConfigFile, readConfigVariable } from "./config_file.ts";
import { pathText } from "./config_issues.ts";
import { type ReadEnv, readEnvironment } from "./environment.ts";
import {
  absolutePaths,
  LOADED,
  parseConfig,
  parseConfigTree,
  type ParseOptions,
} from "./parse_config.ts";
import { programFolders } from "./program_folders.ts";
import type { Config, ConfigInput } from "./schema.ts";

/** Options of {@link loadConfig}: the places where it looks. */
export interface LoadConfigOptions {
  /** Overrides everything else; relative paths in it go by `cwd`. */
  readonly overrides?: ConfigInput;
  /**
   * The configuration file; default `SNAKEDEN_CONFIG`, else the object in `SNAKEDEN_CONFIG_JSON`,
   * else `snakeden.config.ts` or `.json` in `cwd`.
   */
  readonly file?: string;
  /** Default: the environment of this process. */
  readonly env?: ReadEnv;
  /** Default: the working directory. */
  readonly cwd?: string;
  /**
   * True to load a `.ts` file as it is now, even if this process has loaded it before. The modules
   * that it imports are not loaded again.
   */
  readonly fresh?: boolean;
  /** Called with the path of the file that was read; with undefined when there is none. */
  readonly onFile?: (path: string | undefined) => void;
  /** Called with the path of the file that the API keys came from, if they came from one. */
  readonly onApiKeyFile?: (path: string) => void;
}

/** The settings of the log that a source names; defaults are left out. */
export interface NamedLogging {
  readonly level?: Level;
  readonly format?: LogFormat;
}

/** The configuration of a program that embeds a host. */
export interface ProgramConfig {
  readonly config: Config;
  readonly logging: NamedLogging;
}

/**
 * Assembles the configuration as the server does: defaults, then the file, then the environment,
 * then `overrides`, where later ones win. `Snakeden.start()` uses the result unchanged, and does
 * not read the sources again.
 *
 * @example
 * ```ts
 * import { loadConfig, Snakeden } from "snakeden";
 *
 * const config = await loadConfig({ overrides: { pools: [{ name: "default", size: 2 }] } });
 * await using den = await Snakeden.start(config);
 * console.log(config.dataDir, await den.execute("ping"));
 * ```
 *
 * @throws {InvalidInputError} `config_invalid`, with every problem at once.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<Config> {
  try {
    return (await load(options, { looksInCwd: true })).config;
  } catch (error) {
    showCaller(error, { below: loadConfig });
    throw error;
  }
}

/**
 * Assembles the configuration of an embedded host: defaults, then the file in `SNAKEDEN_CONFIG` or
 * the object in `SNAKEDEN_CONFIG_JSON`, then the environment, then `input`. If neither is set it
 * reads no file, so a file in the working directory cannot change a test or a program by surprise.
 * A configuration from this function or {@link loadConfig} is checked, but not changed.
 *
 * @throws {InvalidInputError} `config_invalid`, with every problem at once.
 */
export async function loadProgramConfig(
  input: ConfigInput,
  options: Pick<LoadConfigOptions, "env" | "cwd"> = {},
): Promise<ProgramConfig> {
  const loaded = (input as { readonly [LOADED]?: Loaded })[LOADED];
  if (loaded === undefined) {
    return await load({ ...options, overrides: input }, { looksInCwd: false });
  }
  const config = withOwn(parseConfig(input), input, loaded);
  // The program may have spread the result and named another level.
  const named = config.logLevel === loaded.logLevel ? {} : { level: config.logLevel };
  return { config, logging: { ...loaded.logging, ...named } };
}

/**
 * Lets what the program has changed in a loaded configuration stay when that is read anew, however
 * often.
 */
function withOwn(config: Config, input: ConfigInput, loaded: Loaded): Config {
  const before: Readonly<Record<string, unknown>> = { ...loaded.config };
  const own = Object.entries(input).filter(([key, value]) => before[key] !== value);
  if (own.length === 0) return config;
  const ownPools = input.pools === loaded.config.pools ? undefined : defaultedKeys(input.pools);
  const marked = (it: Config, from: Loaded): Config => {
    const mark: Loaded = { ...from, reread, defaulted: ownPools ?? from.defaulted };
    return Object.assign(it, { [LOADED]: mark });
  };
  const reread = async (): Promise<Config> => {
    const next: Config & { readonly [LOADED]?: Loaded } = await loaded.reread();
    return marked(parseConfig({ ...next, ...Object.fromEntries(own) }), next[LOADED] ?? loaded);
  };
  return marked(config, loaded);
}

/** Returns the settings of the log that a source of this configuration has named. */
export function namedLoggingOf(config: Config): NamedLogging {
  return (config as { readonly [LOADED]?: Loaded })[LOADED]?.logging ?? {};
}

/** Returns the folders by which the paths of the pools of a configuration go. */
export function poolFoldersOf(config: Config): Pick<ParseOptions, "baseDir" | "modulePaths"> {
  return (config as { readonly [LOADED]?: Loaded })[LOADED]?.folders ?? {};
}

/**
 * Reads the configuration of a host anew from where it came from: the file, the environment and the
 * program. A `.ts` file is loaded as it is now, but the modules that it imports are not.
 *
 * @throws {InvalidInputError} `config_invalid`, with every problem at once.
 */
export async function rereadConfig(config: Config): Promise<Config> {
  const reread = (config as { readonly [LOADED]?: Loaded })[LOADED]?.reread;
  if (reread === undefined) throw new TypeError("the configuration was not loaded");
  return await reread();
}

/**
 * Returns the keys of a pool whose values nobody has given, and that depend on the machine and on
 * the other pools.
 */
export function defaultedKeysOf(config: Config, pool: string): readonly string[] {
  return (config as { readonly [LOADED]?: Loaded })[LOADED]?.defaulted.get(pool) ?? [];
}

/** Marks a configuration as loaded like another one, whose values it has taken over. */
export function markLike(config: Config, loaded: Config): void {
  if (LOADED in loaded) Object.assign(config, { [LOADED]: loaded[LOADED] });
}

/** The value of the mark. */
interface Loaded {
  /** The configuration as it was loaded. */
  readonly config: Config;
  /** See {@link rereadConfig}. */
  readonly reread: () => Promise<Config>;
  /** See {@link defaultedKeysOf}. */
  readonly defaulted: ReadonlyMap<string, readonly string[]>;
  /** See {@link poolFoldersOf}. */
  readonly folders: Pick<ParseOptions, "baseDir" | "modulePaths">;
  readonly logLevel: Level;
  readonly logging: NamedLogging;
}

async function load(
  options: LoadConfigOptions,
  { looksInCwd }: { readonly looksInCwd: boolean },
): Promise<ProgramConfig> {
  const { overrides = {}, env = readVariable, cwd = Deno.cwd() } = options;
  const named = options.file ?? (env(HOST_ENV.config) || undefined);
  const namedBy = options.file === undefined ? HOST_ENV.config : "--config";
  const json = named === undefined ? env(HOST_ENV.configJson) || undefined : undefined;
  let file: ConfigFile | undefined;
  if (json !== undefined) file = readConfigVariable(cwd, json);
  else if (named !== undefined || looksInCwd) {
    file = await readConfigFile(cwd, named, { namedBy, fresh: options.fresh ?? false });
  }

  const tree = { ...(file === undefined ? {} : absolutePaths(file.content, file.dir)) };
  const origins = new Map<string, string>();
  for (const { name, path, value } of readEnvironment(env)) {
    // The file has a plain value in the place of a group, which the schema refuses.
    if (!put(tree, path, value)) continue;
    origins.set(pathText(path), name);
  }
  if (overrides.apiKey !== undefined || overrides.apiKeyFile !== undefined) {
    delete tree.apiKey;
    delete tree.apiKeyFile;
  }
  for (const { path, value } of leavesOf(absolutePaths(overrides, cwd))) {
    put(tree, path, value);
    origins.delete(pathText(path));
  }
  options.onFile?.(file?.path);
  const { tree: complete, issues } = await resolveApiKey(absolutePaths(tree, cwd), {
    ...options,
    origins,
  });
  const folders = {
    baseDir: file?.dir ?? cwd,
    // Pools of the program, rather than of a file, look for their adapters beside the program.
    ...(looksInCwd || (file !== undefined && overrides.pools === undefined)
      ? {}
      : { modulePaths: programFolders(cwd) }),
  };
  const source = file?.path ?? "";
  const config = parseConfigTree(complete, { ...folders, source, origins, issues });
  const logging = namedLogging(complete, config);
  const mark: Loaded = {
    config,
    logLevel: config.logLevel,
    logging,
    folders,
    defaulted: defaultedKeys(complete.pools),
    reread: async () => (await load({ ...options, fresh: true }, { looksInCwd })).config,
  };
  return { config: Object.assign(config, { [LOADED]: mark }), logging };
}

/** The keys of a pool with defaults that depend on the machine and on the other pools. */
const MACHINE_KEYS = ["size", "min", "max", "sharedMemoryBytes"];

function defaultedKeys(pools: unknown): Map<string, string[]> {
  const given = Array.isArray(pools) ? pools : [{ name: "default" }];
  return new Map(given.flatMap((pool: unknown) => {
    if (!isRecord(pool) || typeof pool.name !== "string") return [];
    return [[pool.name, MACHINE_KEYS.filter((key) => pool[key] === undefined)]];
  }));
}

function namedLogging(tree: Readonly<Record<string, unknown>>, config: Config): NamedLogging {
  return {
    ...(tree.logLevel === undefined ? {} : { level: config.logLevel }),
    ...(tree.logFormat === undefined ? {} : { format: config.logFormat }),
  };
}

/** Replaces `apiKeyFile` by the keys in that file. */
async function resolveApiKey(
  tree: Record<string, unknown>,
  { origins, onApiKeyFile }: Pick<LoadConfigOptions, "onApiKeyFile"> & {
    readonly origins: Map<string, string>;
  },
): Promise<{ tree: Record<string, unknown>; issues: FieldIssue[] }> {
  const { apiKeyFile: path, ...rest } = tree;
  if (typeof path !== "string" || path === "" || rest.apiKey !== undefined) {
    return { tree, issues: [] };
  }
  const found = isGranted({ name: "read", path })
    ? await readApiKeyFile(path)
    : { problem: `this program may not read it; run it with --allow-read=${path}` };
  if ("problem" in found) {
    const message = `given ${JSON.stringify(path)}, but ${found.problem}`;
    return { tree, issues: [{ path: "apiKeyFile", message }] };
  }
  onApiKeyFile?.(path);
  const { keys } = found;
  for (const place of [["apiKey"], ...keys.map((_, i) => ["apiKey", i])]) {
    origins.set(pathText(place), `the file ${path}`);
  }
  return { tree: { ...rest, apiKey: keys.length === 1 ? keys[0] : [...keys] }, issues: [] };
}

/** Lists the values of the top keys and of the groups; `pools` counts as one value. */
function leavesOf(tree: Readonly<Record<string, unknown>>): { path: string[]; value: unknown }[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!isRecord(value)) return [{ path: [key], value }];
    return Object.entries(value).flatMap(([inner, it]) =>
      it === undefined ? [] : [{ path: [key, inner], value: it }]
    );
  });
}

/**
 * Sets a value without modifying the original objects. Returns false if the place of the group has
 * a value of another kind.
 */
function put(tree: Record<string, unknown>, path: readonly string[], value: unknown): boolean {
  const [key = "", inner] = path;
  if (inner === undefined) {
    tree[key] = value;
    return true;
  }
  const group = tree[key] ?? {};
  if (!isRecord(group)) return false;
  tree[key] = { ...group, [inner]: value };
  return true;
}
