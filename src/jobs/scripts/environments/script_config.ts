import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isRecord } from "../../../json/mod.ts";
import { environmentFailed, FINAL } from "./environment_failed.ts";

/** The folder of Snakeden. */
const CHECKOUT = new URL("../../../../", import.meta.url);
const NAMES = ["deno.json", "deno.jsonc"] as const;

/** A text that a configuration is made from, and the state of its file. */
interface ConfigSource {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** The paths of what a script may import as `snakeden`. */
export interface SnakedenPlace {
  /** The folder of Snakeden. */
  readonly folder: string;
  /** Its lock file. */
  readonly lock: string;
  /** The parts that are for every script. Beside them there may be data and settings of a host. */
  readonly parts: readonly string[];
}

/** The parts of Snakeden that a script may read. */
const PARTS = ["mod.ts", "deno.json", "deno.lock", "src", "python"] as const;

/** Returns the place of Snakeden. */
export function snakedenPlace(): SnakedenPlace {
  const folder = fileURLToPath(CHECKOUT);
  const parts = PARTS.map((it) => join(folder, it));
  return { folder, lock: join(folder, "deno.lock"), parts };
}

/** Returns the paths at which Deno would look for the configuration of a script, nearest first. */
export function configPathsOf(file: string): string[] {
  const paths: string[] = [];
  for (let folder = dirname(file);;) {
    paths.push(...NAMES.map((it) => join(folder, it)));
    const above = dirname(folder);
    if (above === folder) return paths;
    folder = above;
  }
}

/**
 * Makes the configuration with which Deno runs a script anywhere on the disk: `snakeden` means this
 * Snakeden, and its own imports work as in its own folder. The imports, the compiler options and
 * the unstable features of the script's own `deno.json` stay as they are, and take precedence.
 *
 * @param own The path of the script's own configuration; undefined if it has none.
 * @param name The name of the script in errors.
 * @throws {SnakedenError} `environment_failed` when the own configuration cannot be read.
 */
export async function scriptConfig(own: string | undefined, name: string): Promise<string> {
  const path = fileURLToPath(new URL("deno.json", CHECKOUT));
  const host = await readJson(path, name);
  const hostMap = mapOf({ path, content: host });
  const isOurs = ([key]: readonly [string, string]): boolean => /^snakeden(?:\/|$)/.test(key);
  const exported = Object.fromEntries(Object.entries(hostMap.imports).filter(isOurs));
  // The same names, without loading the library.
  exported.snakeden = new URL("src/scripting/whole.ts", CHECKOUT).href;
  const config = {
    imports: { ...exported },
    scopes: { [CHECKOUT.href]: hostMap.imports } as Record<string, Record<string, string>>,
    compilerOptions: {},
    unstable: textsOf(host.unstable),
  };
  if (own !== undefined && own !== path) {
    const content = await readJson(own, name);
    const { imports, scopes } = await ownMap({ path: own, content }, name);
    Object.assign(config.imports, imports);
    config.scopes = { ...scopes, ...config.scopes };
    if (isRecord(content.compilerOptions)) config.compilerOptions = content.compilerOptions;
    config.unstable = [...new Set([...config.unstable, ...textsOf(content.unstable)])];
  } else if (own === path) {
    Object.assign(config.imports, hostMap.imports);
    config.scopes = { ...hostMap.scopes, ...config.scopes };
  }
  return `${JSON.stringify(config, null, 2)}\n`;
}

interface ImportMap {
  readonly imports: Record<string, string>;
  readonly scopes: Record<string, Record<string, string>>;
}

async function ownMap(source: ConfigSource, name: string): Promise<ImportMap> {
  const { importMap } = source.content;
  if (typeof importMap !== "string" || source.content.imports !== undefined) return mapOf(source);
  const url = new URL(importMap, pathToFileURL(source.path));
  if (url.protocol !== "file:") {
    throw environmentFailed(
      name,
      `${source.path}: importMap: given ${JSON.stringify(importMap)}; a file is allowed`,
      FINAL,
    );
  }
  const path = fileURLToPath(url);
  return mapOf({ path, content: await readJson(path, name) });
}

/** Returns the imports of a file with absolute addresses. */
function mapOf({ path, content }: ConfigSource): ImportMap {
  const base = pathToFileURL(path);
  const absolute = (it: string): string => /^\.{0,2}\//.test(it) ? new URL(it, base).href : it;
  const resolved = (map: unknown): Record<string, string> =>
    Object.fromEntries(
      Object.entries(isRecord(map) ? map : {})
        .filter((it): it is [string, string] => typeof it[1] === "string")
        .map(([key, value]) => [absolute(key), absolute(value)]),
    );
  const scopes = Object.entries(isRecord(content.scopes) ? content.scopes : {})
    .map(([key, map]): [string, Record<string, string>] => [absolute(key), resolved(map)]);
  return { imports: resolved(content.imports), scopes: Object.fromEntries(scopes) };
}

async function readJson(path: string, name: string): Promise<Record<string, unknown>> {
  const errors: ParseError[] = [];
  const content: unknown = parse(await Deno.readTextFile(path), errors, {
    allowTrailingComma: true,
  });
  const [first] = errors;
  if (first !== undefined) {
    const problem = printParseErrorCode(first.error);
    const reason = `${path} is not JSON: ${problem} at offset ${first.offset}`;
    throw environmentFailed(name, reason, FINAL);
  }
  if (!isRecord(content)) throw environmentFailed(name, `${path} is no JSON object`, FINAL);
  return content;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((it) => typeof it === "string") : [];
}
