/**
 * Calls, as callers make them: the path of a call to its pool ({@link Calls}), the rules for its
 * fields ({@link CALL_FIELDS}) and options ({@link checkCallOptions}), the stream of its chunks
 * ({@link ToolStream}), the policies that a call passes on its way (policies/), and what must be
 * known of a session before its first strict call ({@link StrictSessions}). {@link HostCalls} runs
 * the calls of host tools, and {@link CallFiles} gives calls the files that they name.
 *
 * @module
 */
export type { BulkCall, BulkOutcome, BulkWatch } from "./bulk_call.ts";
export {
  CALL_FIELDS,
  type CallField,
  fieldIssue,
  type FieldRule,
  invalidCall,
  type JsonSchema,
  shownValue,
} from "./call_fields.ts";
export {
  type Args,
  argsWriting,
  type CallOptions,
  checkCallOptions,
  encodeArgs,
} from "./call_options.ts";
export { Calls, type FoundCall } from "./calls.ts";
export {
  type CallFile,
  CallFiles,
  CallFolders,
  fileMethods,
  type FileSource,
  HostFiles,
  type MadeFile,
  type PinnedFiles,
  refuseTooMany,
} from "./files/mod.ts";
export { HostCalls } from "./host_calls.ts";
export { PoliciesByPool, warnOfUnknownTools } from "./policies/mod.ts";
export { type BoundWorker, type StoredSessions, StrictSessions } from "./strict_sessions.ts";
export { ToolStream } from "./tool_stream.ts";
export type { WorkWatch } from "./work_watch.ts";
