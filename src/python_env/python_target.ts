import { resolve } from "node:path";
import { environmentKey, type EnvironmentRequest } from "./environments/mod.ts";
import { lookUp } from "./find_interpreter.ts";
import { commandEnv } from "./installers/mod.ts";
import type { PythonSource } from "./python_source.ts";
import { readRequirementFiles } from "./requirements/mod.ts";

/** A wish for a Python: one of the user's own, or a private environment with some packages. */
export interface PythonChoice {
  /** A path, or a name on PATH. Nothing is built, only checked. */
  readonly executable?: string | undefined;
  /** Requirements files that are installed into a private environment; not into `executable`. */
  readonly requirements?: readonly string[] | undefined;
}

/** A Python that is asked for, as far as it can be known without running anything. */
export type PythonTarget = OwnTarget | PrivateTarget;

/** An interpreter of the user's own. */
export interface OwnTarget {
  readonly kind: "own";
  /** Equal targets have equal ids. */
  readonly id: string;
  /** As the user wrote it. */
  readonly executable: string;
  /** Null if there is no such program. */
  readonly path: string | null;
  readonly requirements: readonly string[];
  readonly source: PythonSource;
  readonly env: Readonly<Record<string, string>>;
}

/** A private environment, by what it has to hold. */
export interface PrivateTarget {
  readonly kind: "private";
  /** Equal targets have equal ids; the key of the environment. */
  readonly id: string;
  readonly request: EnvironmentRequest;
  /** The variables that an installer sees. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a target is read with. */
export interface TargetSources {
  readonly source: PythonSource;
  /** The environment of the host. */
  readonly host: Readonly<Record<string, string>>;
  /** Adds what tests and checks need. */
  readonly dev?: boolean | undefined;
}

/**
 * Finds out which Python a choice means.
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
  const request = { source, requirements: requirements.map((it) => resolve(it)), dev };
  const files = await readRequirementFiles(request.requirements, host);
  return {
    kind: "private",
    id: await environmentKey(request, files),
    request,
    env: commandEnv(host, files.flatMap((it) => it.variables)),
  };
}
