import { SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { Pool } from "./pool.ts";
import type { Worker } from "./workers/mod.ts";

/** The pools of one host by name, in the order of the configuration. */
export type PoolsByName = ReadonlyMap<string, Pool>;

/**
 * Returns the value of `pools` for this name: a pool, or something else for each pool.
 *
 * @throws {SnakedenError} `unknown_pool`, naming near ones.
 */
export function findPool<T>(name: string, pools: ReadonlyMap<string, T>): T {
  const pool = pools.get(name);
  if (pool !== undefined) return pool;
  throw new SnakedenError(
    "unknown_pool",
    `There is no pool ${JSON.stringify(name)}; ${suggestion(name, pools.keys())}`,
    { details: { pool: name } },
  );
}

/**
 * Returns a worker by its id, with its pool. Where a worker and its successor share the id, returns
 * the one that is not about to end.
 *
 * @throws {SnakedenError} `unknown_worker`, naming near ones.
 */
export function findWorker(id: string, pools: readonly Pool[]): readonly [Pool, Worker] {
  let found: readonly [Pool, Worker] | undefined;
  const ids = new Set<string>();
  for (const pool of pools) {
    for (const worker of pool.workers) {
      ids.add(worker.id);
      if (worker.id !== id) continue;
      if (found === undefined || found[1].state === "stopping") found = [pool, worker];
    }
  }
  if (found !== undefined) return found;
  const where = pools.length === 1 ? ` in the pool ${pools[0]?.name}` : "";
  throw new SnakedenError(
    "unknown_worker",
    `There is no worker "${id}"${where}; ${suggestion(id, [...ids])}`,
    { details: { workerId: id } },
  );
}
