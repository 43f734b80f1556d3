import type { PythonSource } from "../python_source.ts";
import { contentOf, readRequirementFiles, type RequirementFile } from "../requirements/mod.ts";

/** Changes whenever the way an environment is laid out does, so that older ones are built again. */
const LAYOUT_VERSION = 2;

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
 * Returns a hash of everything that goes into an environment besides the interpreter: the contents
 * of the requirement files, of which `files` are those of the user, and the location of the
 * package.
 *
 * @throws {SnakedenError} `python_environment` when a file is missing or cannot be read.
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
 * The first 16 hex digits name the environment that `key` and the interpreter at `python` make
 * together.
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
