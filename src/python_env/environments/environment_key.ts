import type { PythonSource } from "../python_source.ts";
import { contentOf, readRequirementFiles, type RequirementFile } from "../requirements/mod.ts";

/** The version of the layout of environments. Older ones are built again. */
const LAYOUT_VERSION = 2;

/** The contents of an environment. */
export interface EnvironmentRequest {
  readonly source: PythonSource;
  /** The requirements files of the user. */
  readonly requirements: readonly string[];
  /** True to add the packages of tests and checks. */
  readonly dev: boolean;
}

/** Returns the files with locked dependencies, in the order in which they are installed. */
export function lockedFiles(request: EnvironmentRequest): string[] {
  const { requirements, devRequirements } = request.source;
  return request.dev ? [requirements, devRequirements] : [requirements];
}

/**
 * Returns a hash of all contents of an environment except the interpreter: Snakeden's requirements,
 * the user's requirements files in `files`, and the location of the package.
 *
 * @throws {SnakedenError} `python_environment` when a file is missing or unreadable.
 */
export async function environmentKey(
  request: EnvironmentRequest,
  files: readonly RequirementFile[],
): Promise<string> {
  const parts: string[] = [String(LAYOUT_VERSION), request.source.packagePath];
  parts.push(...request.source.modules, request.dev ? "dev" : "run");
  parts.push(await contentOf(await readRequirementFiles(lockedFiles(request), {})));
  parts.push(await contentOf(files));
  return (await sha256(parts.join("\0"))).slice(0, 32);
}

/**
 * Returns the name of the environment that `key` and an interpreter determine: 16 hex digits.
 */
export async function environmentName(
  key: string,
  python: { readonly baseExecutable: string; readonly version: string },
  dev: boolean,
): Promise<string> {
  const hash = await sha256([key, python.baseExecutable, python.version].join("\0"));
  return `${dev ? "dev-" : ""}${hash.slice(0, 16)}`;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
