import { type PolicyConfig, PoolPolicies } from "./pool_policies.ts";

/** The policies of the pools of a host that have any, by the name of the pool. */
export class PoliciesByPool {
  readonly #policies = new Map<string, PoolPolicies>();
  /** False while no pool has policies, so that they cost calls nothing. */
  hasAny = false;

  /** Creates the configured policies of these pools. */
  constructor(pools: Iterable<PolicyConfig>) {
    for (const pool of pools) this.set(pool);
  }

  /** Returns the policies of a pool; undefined if it has none. */
  get(name: string): PoolPolicies | undefined {
    return this.#policies.get(name);
  }

  /** Creates the policies of a pool anew. Calls that are under way keep those that they have. */
  set(pool: PolicyConfig): void {
    const policies = PoolPolicies.of(pool);
    if (policies === undefined) this.#policies.delete(pool.name);
    else this.#policies.set(pool.name, policies);
    this.hasAny = this.#policies.size > 0;
  }

  /** Removes the policies of a pool that was removed; the pauses of its calls end. */
  delete(name: string): void {
    this.#policies.get(name)?.close();
    this.#policies.delete(name);
    this.hasAny = this.#policies.size > 0;
  }

  /** Ends the pauses of all calls: the host stops. */
  close(): void {
    for (const policies of this.#policies.values()) policies.close();
  }
}
