/**
 * The store: all state that outlives a host, independent of the engine that keeps it. {@link Store}
 * is the port: interfaces over plain records, each with a zod schema and a version
 * ({@link RecordType}), and the contract of every driver. {@link memoryStore} is the driver of a
 * host without a store of its own; src/kv is the driver for Deno KV. A new driver is a folder
 * beside src/kv, is chosen in src/host/store, and must pass tests/store/conformance.ts;
 * {@link AcceptedWork} and {@link KeyedQueue} are there to build it from.
 *
 * @module
 */
export { AcceptedWork } from "./accepted_work.ts";
export * from "./blobs/mod.ts";
export { ChangeLogs, type ChangeLogsDeps, type WatchedPosition } from "./change_logs.ts";
export * from "./jobs/mod.ts";
export { copiesOf, copyOf } from "./copies.ts";
export { KeyedQueue } from "./keyed_queue.ts";
export { memoryStore } from "./memory_store.ts";
export {
  decodeRecord,
  encodeRecord,
  parseJsonBytes,
  recordText,
  type RecordType,
} from "./record.ts";
export {
  checkLimit,
  checkScope,
  checkSessionId,
  checkTtl,
  fateOf,
  type JsonObject,
  MAX_METADATA_BYTES,
  MAX_TTL_MS,
  metadataText,
  SESSION_ROW,
  type SessionRow,
  type SessionToDrop,
  storeTime,
  touched,
} from "./session_row.ts";
export type {
  Change,
  ListedVariable,
  NewProgram,
  NewVariable,
  Opened,
  Page,
  PageAsk,
  Position,
  ProgramAnswer,
  ProgramScope,
  SessionPatch,
  SessionStore,
  SetAnswer,
  Updated,
  VariableAnswer,
  VariableToDrop,
  WatchEvent,
} from "./session_store.ts";
export { type SetAside, setAsideSchema } from "./set_aside.ts";
export type { MovedAside, Store, StoreReport } from "./store.ts";
export {
  checkName,
  checkProgram,
  checkVariable,
  MAX_CONSTRAINTS_BYTES,
  MAX_NAME_LENGTH,
  MAX_VARIABLE_BYTES,
  PROGRAM_HEAD,
  type ProgramHead,
  type ProgramRow,
  VARIABLE_HEAD,
  type VariableHead,
  type VariableRow,
} from "./variable_row.ts";
export * from "./workers/mod.ts";
