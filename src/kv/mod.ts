/**
 * What outlives a host: {@link KvStore}, in Deno KV in the data directory, which one host has at a time. Changes of many
 * callers are gathered into one durable commit ({@link GroupCommit}); records carry a version and are checked when they are
 * read ({@link Records}); values longer than KV takes are {@link Blobs}. What cannot be read is set aside and told, and keeps
 * nobody from starting.
 *
 * So far it holds the workers of each run ({@link ProcessRegistry}). A host without a store keeps them in memory.
 *
 * @module
 */
export { Blobs } from "./blobs.ts";
export { GroupCommit, type GroupCommitOptions, type Mutation, type Timer } from "./group_commit.ts";
export { listAside, problemOfDatabase } from "./database_file.ts";
export { KvStore, type OpenOptions, StoreInUseError } from "./kv_store.ts";
export { ProcessRegistry, type RegistryOptions, type WorkerIdentity } from "./process_registry.ts";
export { Records } from "./records.ts";
export type { MovedAside, Store } from "./store.ts";
export { StoreLock, type StoreOwner } from "./store_lock.ts";
