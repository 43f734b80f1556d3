/**
 * What outlives a host, whichever engine keeps it. {@link Store} is the port: interfaces over plain
 * records, each with a zod schema and a version ({@link RecordType}), and the contract that every
 * driver keeps. {@link memoryStore} is the driver of a host that has no other; src/kv is the one
 * over Deno KV. A further driver is a folder beside that one, a line in src/host/open_store.ts, and
 * passes tests/store/conformance.ts; {@link AcceptedWork} and {@link KeyedQueue} are there to write
 * it with.
 *
 * @module
 */
export { AcceptedWork } from "./accepted_work.ts";
export { type Blobs, checkBlob, MAX_BLOB_BYTES } from "./blobs.ts";
export { KeyedQueue } from "./keyed_queue.ts";
export { memoryStore } from "./memory_store.ts";
export { PROCESS_ROW, type ProcessKey, type ProcessRow } from "./process_row.ts";
export type { ProcessStore } from "./process_store.ts";
export { decodeRecord, encodeRecord, parseJsonBytes, type RecordType } from "./record.ts";
export { type SetAside, setAsideSchema } from "./set_aside.ts";
export type { MovedAside, Store, StoreReport } from "./store.ts";
