import { invalidConfig } from "../../config/mod.ts";
import { InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import type { ConfigChanges } from "./config_changes.ts";

/** The changes that a reload of the configuration has made. */
export interface ReloadResult {
  /** The names of the pools that have changed. */
  readonly pools: {
    /** The pools that are new. */
    readonly added: readonly string[];
    /** The pools that new workers have taken over. The old workers end when their calls have. */
    readonly changed: readonly string[];
    /** The pools that are gone. Their workers end when their calls have. */
    readonly removed: readonly string[];
  };
  /** The paths of the settings that were applied, such as `limits.maxBodyBytes`. */
  readonly applied: readonly string[];
  /** The paths of the settings that differ, and that only a restart applies. */
  readonly needsRestart: readonly string[];
}

/** Shows the changes of a reload. */
export function resultOf(changes: ConfigChanges): ReloadResult {
  const namesOf = (pools: readonly { readonly name: string }[]): string[] =>
    pools.map(({ name }) => name);
  return {
    pools: {
      added: namesOf(changes.added),
      changed: namesOf(changes.changed),
      removed: changes.removed,
    },
    applied: changes.settings,
    needsRestart: changes.needsRestart,
  };
}

/** Returns the error of a configuration with a pool that cannot be used as it is. */
export function unusable(
  error: unknown,
  { name, index }: { readonly name: string; readonly index: number },
): unknown {
  if (error instanceof InvalidInputError) {
    const issues = error.issues.map(({ path, message }) => ({
      path: path === "" ? `pools[${index}]` : `pools[${index}].${path}`,
      message,
    }));
    return invalidConfig("", issues);
  }
  if (!(error instanceof SnakedenError) || error.code === "shutting_down") return error;
  const message = `the pool ${name} cannot be used: ${messageOf(error)}`;
  const problem = invalidConfig("", [{ path: `pools[${index}]`, message }]);
  problem.cause = error;
  return problem;
}
