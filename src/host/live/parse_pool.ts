import { type Config, parseConfig, type PoolConfig, poolFoldersOf } from "../../config/mod.ts";
import { type FieldIssue, InvalidInputError } from "../../errors.ts";
import type { PoolInput } from "../../pool/mod.ts";

/**
 * Checks a pool that is to be added, and fills in its defaults. Its relative paths go by the folder
 * by which those of the configuration go.
 *
 * @throws {InvalidInputError} `invalid_input`, with every problem at once.
 */
export function parsePool(input: PoolInput, config: Config): PoolConfig {
  try {
    const { pools: [pool] } = parseConfig({ ...config, pools: [input] }, poolFoldersOf(config));
    if (pool === undefined) throw new TypeError("a configuration without pools was accepted");
    return pool;
  } catch (error) {
    throw ofPool(error, 0);
  }
}

/**
 * Returns an error of a configuration as one of a single pool in it, which has this index. Returns
 * other errors as they are.
 */
export function ofPool(error: unknown, index: number): unknown {
  if (!(error instanceof InvalidInputError) || error.code !== "config_invalid") return error;
  const own = `pools[${index}]`;
  const issues = error.issues.map(({ path, message }): FieldIssue => ({
    path: path === own ? "" : path.startsWith(`${own}.`) ? path.slice(own.length + 1) : path,
    message,
  }));
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot add the pool: ${list.join("; ")}`, issues);
}
