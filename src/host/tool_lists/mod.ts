/**
 * The tools of pools without a worker. {@link ToolLists} keeps the tools of pools with `min: 0` in
 * the store, under a hash of their code, and restores them when the host starts with the same code
 * (hashCode, listKey).
 *
 * @module
 */
export { type CodeHash, type CodeLimits, hashCode, type HashCodeOptions } from "./code_hash.ts";
export { decodeTools, encodeTools } from "./list_body.ts";
export { type ListedPool, ToolLists, type ToolListsDeps } from "./tool_lists.ts";
