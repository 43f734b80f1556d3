/**
 * The Deno KV driver of the store: {@link KvStore}, in the data directory, for one host at a time.
 * The changes of many callers share one durable commit. Records have a version and are checked when
 * they are read. Values that are too long for KV are written in chunks. Records that cannot be read
 * are set aside and reported; they never prevent a start.
 *
 * @module
 */
export { KV_CURE, KvStore, type OpenOptions, StoreInUseError } from "./kv_store.ts";
export { StoreLock, type StoreOwner } from "./store_lock.ts";
