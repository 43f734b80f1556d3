/**
 * What stands between a caller and a pool when the configuration asks for it: a {@link Circuit} that refuses calls while
 * most would fail, and a {@link RetryPolicy} that makes a call again after a pause. {@link PoolPolicies} holds those of one
 * pool and of single tools of it; {@link CallPolicy} is what applies to one tool. Without configuration none of this exists,
 * and no call passes through it.
 *
 * @module
 */
export { CallPolicy, type PolicedCall } from "./call_policy.ts";
export { Circuit } from "./circuit.ts";
export { type PoliciesByPool, policiesByPool } from "./policies_by_pool.ts";
export { PoolPolicies } from "./pool_policies.ts";
export { RetryPolicy } from "./retry_policy.ts";
export { type OfferingPool, warnOfUnknownTools } from "./unknown_tools.ts";
