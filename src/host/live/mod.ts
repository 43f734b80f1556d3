/**
 * Changes of a running host. {@link LivePools} adds, replaces and removes pools, which the
 * {@link PoolTable} lists with their configurations, and applies another configuration.
 *
 * @module
 */
export { ConfiguredTools } from "./configured_tools.ts";
export { LivePools, type LivePoolsDeps } from "./live_pools.ts";
export { applySettings } from "./config_changes.ts";
export { type HostPool, PoolTable } from "./pool_table.ts";
export type { ReloadResult } from "./reload_result.ts";
export { startPools } from "./start_pool.ts";
