import { dirname, resolve } from "node:path";
import { environmentError, fileError } from "./environment_error.ts";
import type { PythonSource } from "./python_source.ts";

/** Changes whenever the way an environment is laid out does, so that older ones are built again. */
const LAYOUT_VERSION = 1;

/** What an environment has to hold. */
export interface EnvironmentRequest {
  readonly source: PythonSource;
  /** The user's own requirement files. */
  readonly requirements: readonly string[];
  /** With what tests and checks need. */
  readonly dev: boolean;
}

/** The locked files, in the order in which they are installed. */
export function lockedFiles(request: EnvironmentRequest): string[] {
  const { requirements, devRequirements } = request.source;
  return request.dev ? [requirements, devRequirements] : [requirements];
}

/**
 * A hash of everything that goes into an environment besides the interpreter: the contents of all requirement files, those
 * they include, and where the package lies.
 *
 * @throws {SnakedenError} `python_environment` when a file is missing or cannot be read.
 */
export async function environmentKey(request: EnvironmentRequest): Promise<string> {
  const parts: string[] = [String(LAYOUT_VERSION), request.source.packagePath];
  parts.push(...request.source.modules, request.dev ? "dev" : "run");
  for (const file of lockedFiles(request)) parts.push(await readRequirements(file));
  for (const file of request.requirements) {
    parts.push("user", resolve(file));
    for (const included of await withIncludes(resolve(file))) {
      parts.push(included.path, included.text);
    }
  }
  return (await sha256(parts.join("\0"))).slice(0, 32);
}

/** The first 16 hex digits name the environment that `key` and the interpreter at `python` make together. */
export async function environmentName(
  key: string,
  python: { readonly baseExecutable: string; readonly version: string },
  dev: boolean,
): Promise<string> {
  const hash = await sha256([key, python.baseExecutable, python.version].join("\0"));
  return `${dev ? "dev-" : ""}${hash.slice(0, 16)}`;
}

interface RequirementFile {
  readonly path: string;
  readonly text: string;
}

/** The file and those that its `-r` and `-c` lines name, each once. */
async function withIncludes(
  path: string,
  found: RequirementFile[] = [],
): Promise<readonly RequirementFile[]> {
  if (found.some((it) => it.path === path)) return found;
  const text = await readRequirements(path);
  found.push({ path, text });
  for (const match of text.matchAll(/^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)/gm)) {
    const name = match[1] ?? "";
    if (!/^\w+:\/\//.test(name)) await withIncludes(resolve(dirname(path), name), found);
  }
  return found;
}

async function readRequirements(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw environmentError(
        `Cannot prepare the Python environment: the requirements file ${path} does not exist`,
        { path },
        error,
      );
    }
    throw fileError("read the requirements file", path, error);
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
