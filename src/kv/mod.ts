/**
 * The driver of the store's port over Deno KV: {@link KvStore}, in the data directory, which one
 * host has at a time. Changes of many callers are gathered into one durable commit; records carry a
 * version and are checked when they are read; values longer than KV takes are written in chunks.
 * What cannot be read is set aside and told, and keeps nobody from starting.
 *
 * @module
 */
export { listAside, problemOfDatabase } from "./database_file.ts";
export { KvStore, type OpenOptions, StoreInUseError } from "./kv_store.ts";
export { StoreLock, type StoreOwner } from "./store_lock.ts";
