import type { PythonSource } from "../python_source.ts";
import { contentOf, readRequirementFiles, type RequirementFile } from "../requirements/mod.ts";
import { type EnvironmentKind, nameOfKind } from "./environment_kind.ts";

/** The version of the layout of environments. Older ones are built again. */
const LAYOUT_VERSION = 2;

/** The contents of an environment. */
export interface EnvironmentRequest {
  readonly source: PythonSource;
  /** The requirements files of the user. */
  readonly requirements: readonly string[];
  /** Packages as PEP 508 writes them, installed besides the files; none if omitted. */
  readonly packages?: readonly string[];
  /** The interpreter to build from, if it fits; the first one that fits if omitted. */
  readonly preferred?: string | undefined;
  /**
   * The users. Workers need the dependencies of Snakeden; tests and checks need more; scripts need
   * none of them.
   */
  readonly kind: EnvironmentKind;
}

/** Returns the files with locked dependencies, in the order in which they are installed. */
export function lockedFiles(request: EnvironmentRequest): string[] {
  const { requirements, devRequirements } = request.source;
  switch (request.kind) {
    case "workers":
      return [requirements];
    case "dev":
      return [requirements, devRequirements];
    case "script":
      return [];
  }
}

/**
 * Returns a hash of all contents of an environment except the interpreter: Snakeden's requirements,
 * the user's requirements files in `files`, the packages, and the location of Snakeden.
 *
 * @throws {SnakedenError} `python_environment` when a file is missing or unreadable.
 */
export async function environmentKey(
  request: EnvironmentRequest,
  files: readonly RequirementFile[],
): Promise<string> {
  const parts: string[] = [String(LAYOUT_VERSION), request.source.packagePath];
  // An earlier version called the workers "run".
  parts.push(...request.source.modules, request.kind === "workers" ? "run" : request.kind);
  parts.push(await contentOf(await readRequirementFiles(lockedFiles(request), {})));
  parts.push(await contentOf(files));
  const { packages = [], preferred } = request;
  if (packages.length > 0) {
    const lines = [...new Set(packages.map(normalized))].sort();
    parts.push(await contentOf([{ path: "", lines, variables: [] }]));
  }
  if (preferred !== undefined) parts.push(`from ${preferred}`);
  return (await sha256(parts.join("\0"))).slice(0, 32);
}

/**
 * Returns the name of the environment that `key` and an interpreter determine: 16 hex digits after
 * a prefix for its kind.
 */
export async function environmentName(
  key: string,
  python: { readonly baseExecutable: string; readonly version: string },
  kind: EnvironmentKind,
): Promise<string> {
  const hash = await sha256([key, python.baseExecutable, python.version].join("\0"));
  return nameOfKind(kind, hash.slice(0, 16));
}

/** Returns a package in one of its spellings: `Foo_Bar >= 2` and `foo-bar>=2` mean the same. */
function normalized(text: string): string {
  const [name = ""] = /^[\w.-]+/.exec(text) ?? [];
  const rest = text.slice(name.length).trim();
  // White space separates the parts of a URL and of a condition.
  const tail = /[@;]/.test(rest) ? rest.replaceAll(/\s+/g, " ") : rest.replaceAll(/\s+/g, "");
  return name.toLowerCase().replaceAll(/[-_.]+/g, "-") + tail;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
