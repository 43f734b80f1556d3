import { resolve } from "node:path";
import { environmentKey, type EnvironmentRequest } from "./environments/mod.ts";
import { lookUp } from "./find_interpreter.ts";
import { commandEnv } from "./installers/mod.ts";
import type { PythonSource } from "./python_source.ts";
import { readRequirementFiles } from "./requirements/mod.ts";

/** A choice of a Python: the user's own interpreter, or a private environment with packages. */
export interface PythonChoice {
  /** A path, or a name on PATH. The interpreter is checked, and nothing is built. */
  readonly executable?: string | undefined;
  /** Requirements files, installed into a private environment but never into `executable`. */
  readonly requirements?: readonly string[] | undefined;
}

/** A Python to open, identified without running a process. */
export type PythonTarget = OwnTarget | PrivateTarget;

/** The user's own interpreter. */
export interface OwnTarget {
  readonly kind: "own";
  /** Equal targets have equal ids. */
  readonly id: string;
  /** As the user wrote it. */
  readonly executable: string;
  /** The absolute path; null if there is no such program. */
  readonly path: string | null;
  readonly requirements: readonly string[];
  readonly source: PythonSource;
  readonly env: Readonly<Record<string, string>>;
}

/** A private environment, identified by its contents. */
export interface PrivateTarget {
  readonly kind: "private";
  /** Equal targets have equal ids; the key of the environment. */
  readonly id: string;
  readonly request: EnvironmentRequest;
  /** The environment variables that an installer sees. */
  readonly env: Readonly<Record<string, string>>;
}

/** Options of {@link readTarget}. */
export interface TargetSources {
  readonly source: PythonSource;
  /** The environment variables of the host. */
  readonly host: Readonly<Record<string, string>>;
  /** Adds what tests and checks need. */
  readonly dev?: boolean | undefined;
}

/**
 * Identifies the Python that a choice asks for.
 *
 * @throws {SnakedenError} `python_environment` when a requirements file cannot be read.
 */
export async function readTarget(
  { executable, requirements = [] }: PythonChoice,
  { source, host, dev = false }: TargetSources,
): Promise<PythonTarget> {
  if (executable !== undefined) {
    const env = commandEnv(host);
    const found = await lookUp(executable, env);
    const path = found === null ? null : resolve(found);
    return { kind: "own", id: path ?? executable, executable, path, requirements, source, env };
  }
  const kind = dev ? "dev" as const : "workers" as const;
  const request = { source, requirements: requirements.map((it) => resolve(it)), kind };
  const files = await readRequirementFiles(request.requirements, host);
  return {
    kind: "private",
    id: await environmentKey(request, files),
    request,
    env: commandEnv(host, files.flatMap((it) => it.variables)),
  };
}
