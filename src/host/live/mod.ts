/**
 * Changes of a running host. {@link LivePools} adds and removes pools, which the {@link PoolTable}
 * lists with their configurations.
 *
 * @module
 */
export { LivePools, type LivePoolsDeps } from "./live_pools.ts";
export { type HostPool, PoolTable } from "./pool_table.ts";
