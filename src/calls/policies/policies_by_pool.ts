import { type PolicyConfig, PoolPolicies } from "./pool_policies.ts";

/** The policies of the pools of a host that have any, by the name of the pool. */
export type PoliciesByPool = ReadonlyMap<string, PoolPolicies>;

/** Creates the configured policies of all pools; returns undefined if none is configured. */
export function policiesByPool(pools: readonly PolicyConfig[]): PoliciesByPool | undefined {
  const policies = pools.flatMap((pool): [string, PoolPolicies][] => {
    const its = PoolPolicies.of(pool);
    return its === undefined ? [] : [[pool.name, its]];
  });
  return policies.length === 0 ? undefined : new Map(policies);
}
