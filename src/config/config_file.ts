import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type FieldIssue, messageOf } from "../errors.ts";
import { isGranted, readVariable } from "../granted.ts";
import { isRecord, jsonProblemText } from "../json/mod.ts";
import { HOST_ENV } from "../process/mod.ts";
import type { ReadEnv } from "./environment.ts";
import { invalidConfig } from "./parse_config.ts";

/** The names of a configuration file in the working directory. */
const CONFIG_FILE_NAMES = ["snakeden.config.ts", "snakeden.config.json"] as const;

/** A place of a configuration file. */
export interface ConfigPlace {
  /** Default `SNAKEDEN_CONFIG`, else the names of a configuration file in `cwd`. */
  readonly file?: string;
  /** Default the environment of this process. */
  readonly env?: ReadEnv;
  /** Default the working directory. */
  readonly cwd?: string;
}

/**
 * Returns the absolute paths at which a configuration file is looked for; none if the environment
 * has the configuration itself.
 */
export function configPaths({ file, env = readVariable, cwd = Deno.cwd() }: ConfigPlace): string[] {
  const named = file ?? (env(HOST_ENV.config) || undefined);
  if (named === undefined && env(HOST_ENV.configJson)) return [];
  const names = named === undefined ? CONFIG_FILE_NAMES : [named];
  return names.map((name) => resolve(cwd, name));
}

/** The contents of a configuration file, unchecked. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly dir: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Finds and reads the configuration file: the one that is named, or one of
 * {@link CONFIG_FILE_NAMES}.
 *
 * @param named Path of the file, or undefined to look in `cwd`.
 * @param options.namedBy The flag or variable that names it, for error texts.
 * @param options.fresh True to load a module again that this process has loaded already.
 * @returns Undefined if none is named and none exists.
 * @throws {InvalidInputError} `config_invalid` if the file is missing or cannot be read.
 */
export async function readConfigFile(
  cwd: string,
  named: string | undefined,
  { namedBy, fresh }: { readonly namedBy: string; readonly fresh: boolean },
): Promise<ConfigFile | undefined> {
  const path = named === undefined ? await findConfigFile(cwd) : resolve(cwd, named);
  if (path === undefined) return undefined;
  if (named !== undefined) await mustBeFile(path, namedBy);
  const isJson = extname(path) === ".json";
  const content = isJson ? await readJson(path) : await readModule(path, fresh);
  if (!isRecord(content)) {
    throw problem(path, `it holds ${kindOf(content)}; allowed: an object`);
  }
  if (isJson && "hostTools" in content) throw invalidConfig(path, [TOOLS_IN_JSON]);
  return { path, dir: dirname(path), content };
}

/**
 * Reads the configuration that the environment has in place of a file. Relative paths in it go by
 * `cwd`.
 *
 * @throws {InvalidInputError} `config_invalid` if it is no JSON object.
 */
export function readConfigVariable(cwd: string, text: string): ConfigFile {
  const path = HOST_ENV.configJson;
  const content = parsedJson(path, text);
  if (!isRecord(content)) {
    throw problem(path, `it holds ${kindOf(content)}; allowed: an object`);
  }
  return { path, dir: cwd, content };
}

async function findConfigFile(cwd: string): Promise<string | undefined> {
  const found: string[] = [];
  for (const name of CONFIG_FILE_NAMES) {
    const path = resolve(cwd, name);
    if (await isFile(path)) found.push(path);
  }
  if (found.length > 1) {
    throw problem(
      cwd,
      `it has ${CONFIG_FILE_NAMES.join(" and ")}; keep one, or name one by ${HOST_ENV.config}`,
    );
  }
  return found[0];
}

async function isFile(path: string): Promise<boolean> {
  if (!isGranted({ name: "read", path })) {
    throw problem(path, `this program may not read it; run it with --allow-read=${path}`);
  }
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw problem(path, `it cannot be read (${messageOf(error)})`, error);
  }
}

async function mustBeFile(path: string, namedBy: string): Promise<void> {
  if (await isFile(path)) return;
  throw problem(path, `${namedBy} names it, but there is no such file`);
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw problem(path, `it cannot be read (${messageOf(error)})`, error);
  }
  return parsedJson(path, text.replace(/^\uFEFF/, ""));
}

function parsedJson(path: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw problem(path, `it is not JSON: ${jsonProblemText(body)}`, error);
  }
}

/** The number of modules that were loaded anew, since two edits may have the same time. */
let loads = 0;

async function readModule(path: string, fresh: boolean): Promise<unknown> {
  let module: Readonly<Record<string, unknown>>;
  try {
    const url = pathToFileURL(path);
    // A module is loaded once for each address.
    if (fresh) url.search = `edited=${(await Deno.stat(path)).mtime?.getTime()}-${++loads}`;
    module = await import(url.href);
  } catch (error) {
    throw problem(path, `it cannot be loaded: ${messageOf(error)}`, error);
  }
  if (!("default" in module)) {
    throw problem(path, "it has no default export; write `export default defineConfig({ ... })`");
  }
  try {
    return await module.default;
  } catch (error) {
    throw problem(path, `its default export failed: ${messageOf(error)}`, error);
  }
}

/** The issue of a JSON file with host tools. */
const TOOLS_IN_JSON: FieldIssue = {
  path: "hostTools",
  message: "given in a JSON file, which cannot hold functions; allowed: in a snakeden.config.ts, " +
    "or in the options of Snakeden.start()",
};

function kindOf(content: unknown): string {
  if (content === null) return "null";
  return Array.isArray(content) ? "a list" : `a ${typeof content}`;
}

function problem(path: string, message: string, cause?: unknown): Error {
  const error = invalidConfig(path, [{ path: "", message }]);
  if (cause !== undefined) error.cause = cause;
  return error;
}
