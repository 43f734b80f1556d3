/**
 * One call in the host. A {@link Call} is the caller's half of it: it waits in a {@link CallQueue}
 * and ends with one outcome. An {@link Attempt} is the worker's half: it receives the messages of
 * the worker. {@link ChunkStream} holds the chunks that its reader has not taken yet;
 * {@link RunTimes} estimates how long the next call of a tool will run. {@link HostServices} answer
 * what a tool asks the host for while it runs. {@link CallInputs} are the streams that a caller
 * sends to the tool. {@link OutcomeReader} receives what comes of the items of a bulk call.
 *
 * @module
 */
export type { AffinityMode } from "./affinity_mode.ts";
export { Attempt, type AttemptHost } from "./attempt.ts";
export { type ItemOutcome, type OnOutcomes, OutcomeReader } from "./bulk/mod.ts";
export type { BulkArea, BulkNote, BulkRecord } from "./bulk_note.ts";
export { Call, type CallOwner } from "./call.ts";
export type { CallSession, CallWork } from "./call_surroundings.ts";
export type {
  ArrayForm,
  CallOutcome,
  CallRequest,
  ChunkSink,
  HeldWorker,
  WhenBusy,
} from "./call_request.ts";
export { CallList, type Listed } from "./call_list.ts";
export { CallQueue, goesBefore, PRIORITY_RANGE } from "./call_queue.ts";
export { ChunkStream, type StreamEvent } from "./chunk_stream.ts";
export {
  type AskingCall,
  type HostMethod,
  HostMethods,
  type HostServices,
  NO_SERVICES,
} from "./host_methods.ts";
export { CallInputs, INPUT_CANCEL, INPUT_NEXT, type InputLimits } from "./inputs/mod.ts";
export { withModuleCure } from "./missing_module.ts";
export type { OutputPipe, OutputSink } from "./output_sink.ts";
export { RunTimes, type Sign, stalled, StallWatch, type StallWatchOptions } from "./times/mod.ts";
