import { getLogger } from "../../log.ts";
import { suggestion } from "../../near_names.ts";
import type { PolicyConfig } from "./pool_policies.ts";

/** A pool, reduced to the tools that it offers. */
export interface OfferingPool {
  readonly name: string;
  /** Empty until a worker has been ready. */
  readonly tools: readonly { readonly name: string }[];
  offers(tool: string): boolean;
}

/**
 * Logs a warning about policies for tools that no worker of the pool has: the name of the tool may
 * be misspelled, and the tool would silently have no policy.
 */
export function warnOfUnknownTools(
  { tools }: Pick<PolicyConfig, "tools">,
  pool: OfferingPool | undefined,
): void {
  if (pool === undefined || pool.tools.length === 0) return;
  for (const tool of Object.keys(tools).filter((it) => !pool.offers(it))) {
    getLogger("pool").warn("pool {pool} has policies for {tool}, but no such tool; {near}", {
      pool: pool.name,
      tool,
      near: suggestion(tool, pool.tools.map((it) => it.name)),
    });
  }
}
