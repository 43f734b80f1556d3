/**
 * The Deno KV driver of the store: {@link KvStore}, in the data directory, for one host at a time.
 * Changes of many callers are gathered into one durable commit. Records carry a version and are
 * checked when they are read. Values that are too long for KV are written in chunks. Records that
 * cannot be read are set aside and reported, and never keep a host from starting.
 *
 * @module
 */
export { listAside, problemOfDatabase } from "./database_file.ts";
export { KvStore, type OpenOptions, StoreInUseError } from "./kv_store.ts";
export { StoreLock, type StoreOwner } from "./store_lock.ts";
