import type { FieldIssue } from "../errors.ts";
import { isRecord } from "../json/mod.ts";
import { HOST_ENV } from "../process/mod.ts";
import { readApiKeyFile } from "./api_key_file.ts";
import { readConfigFile } from "./config_file.ts";
import { pathText } from "./config_issues.ts";
import { type ReadEnv, readEnvironment, readProcessEnv } from "./environment.ts";
import { absolutePaths, parseConfigTree } from "./parse_config.ts";
import type { Config, ConfigInput } from "./schema.ts";

/** Options of {@link loadConfig}: the places where it looks. */
export interface LoadConfigOptions {
  /** Overrides everything else; relative paths in it go by `cwd`. */
  readonly overrides?: ConfigInput;
  /**
   * The configuration file; default `SNAKEDEN_CONFIG`, else `snakeden.config.ts` or `.json` in
   * `cwd`.
   */
  readonly file?: string;
  /** Default the environment of this process. */
  readonly env?: ReadEnv;
  /** Default the working directory. */
  readonly cwd?: string;
  /** Told which configuration file was read; undefined when there is none. */
  readonly onFile?: (path: string | undefined) => void;
}

/**
 * Puts the configuration together: defaults, then the file, then the environment, then `overrides`;
 * the later wins.
 *
 * @throws {InvalidInputError} `config_invalid`, with every problem at once.
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<Config> {
  const { overrides = {}, env = readProcessEnv, cwd = Deno.cwd() } = options;
  const named = options.file ?? (env(HOST_ENV.config) || undefined);
  const namedBy = options.file === undefined ? HOST_ENV.config : "--config";
  const file = await readConfigFile(cwd, named, namedBy);

  const tree = { ...(file === undefined ? {} : absolutePaths(file.content, file.dir)) };
  const origins = new Map<string, string>();
  for (const { name, path, value } of readEnvironment(env)) {
    // What the file has in the place of a group is for the schema to refuse.
    if (!put(tree, path, value)) continue;
    origins.set(pathText(path), name);
  }
  for (const { path, value } of leavesOf(absolutePaths(overrides, cwd))) {
    put(tree, path, value);
    origins.delete(pathText(path));
  }
  options.onFile?.(file?.path);
  const { tree: complete, issues } = await resolveApiKey(absolutePaths(tree, cwd), origins);
  return parseConfigTree(complete, {
    baseDir: file?.dir ?? cwd,
    source: file?.path ?? "",
    origins,
    issues,
  });
}

/** Replaces `apiKeyFile` by the key in that file. */
async function resolveApiKey(
  tree: Record<string, unknown>,
  origins: Map<string, string>,
): Promise<{ tree: Record<string, unknown>; issues: FieldIssue[] }> {
  const { apiKeyFile: path, ...rest } = tree;
  if (typeof path !== "string" || path === "" || rest.apiKey !== undefined) {
    return { tree, issues: [] };
  }
  const found = await readApiKeyFile(path);
  if ("problem" in found) {
    const message = `given ${JSON.stringify(path)}, but ${found.problem}`;
    return { tree, issues: [{ path: "apiKeyFile", message }] };
  }
  origins.set("apiKey", `the file ${path}`);
  return { tree: { ...rest, apiKey: found.key }, issues: [] };
}

/** The values of the top keys and of the two groups; `pools` counts as one value. */
function leavesOf(tree: Readonly<Record<string, unknown>>): { path: string[]; value: unknown }[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    if (value === undefined) return [];
    if (!isRecord(value)) return [{ path: [key], value }];
    return Object.entries(value).map(([inner, it]) => ({ path: [key, inner], value: it }));
  });
}

/**
 * Sets a value without touching the objects that came in; false when something else stands in the
 * way.
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
