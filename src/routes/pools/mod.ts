/**
 * The pools over HTTP: {@link addPools} shows them, {@link addRecycle} replaces their workers,
 * {@link addPoolVerbs} resizes and pauses them, {@link addPoolChanges} adds and removes pools, and
 * {@link addReload} reads the configuration anew.
 *
 * @module
 */
export { addPoolChanges, type PoolChangesSlice } from "./pool_changes.ts";
export { addPoolVerbs, type PoolVerbsSlice } from "./pool_verbs.ts";
export { addPools, type PoolsSlice } from "./pools.ts";
export { addRecycle, type RecycleSlice } from "./recycle.ts";
export { addReload, type ReloadSlice } from "./reload.ts";
