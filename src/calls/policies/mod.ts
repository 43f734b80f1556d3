/**
 * The policies between callers and a pool: a {@link Circuit} refuses calls while most would fail,
 * and a {@link RetryPolicy} repeats a failed call after a pause. {@link PoolPolicies} holds the
 * policies of one pool and of single tools in it; a {@link CallPolicy} is what applies to one tool.
 * A pool without configured policies skips all of this.
 *
 * @module
 */
export { CallPolicy, type PolicedCall } from "./call_policy.ts";
export { Circuit } from "./circuit.ts";
export { PoliciesByPool } from "./policies_by_pool.ts";
export { PoolPolicies } from "./pool_policies.ts";
export { RetryPolicy } from "./retry_policy.ts";
export { type OfferingPool, warnOfUnknownTools } from "./unknown_tools.ts";
