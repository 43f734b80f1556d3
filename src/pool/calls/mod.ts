/**
 * One call in the host. A {@link Call} waits in a {@link CallQueue}, is in flight in one worker
 * ({@link InFlight}), and ends with one outcome; {@link ChunkStream} holds the chunks that its reader has
 * not taken yet; {@link RunTimes} estimates how long the next call of a tool will run.
 *
 * @module
 */
export {
  Call,
  type CallOutcome,
  type CallOwner,
  type CallRequest,
  type CallTarget,
  type ChunkSink,
} from "./call.ts";
export { CallQueue, PRIORITY_RANGE } from "./call_queue.ts";
export { ChunkStream, type StreamEvent } from "./chunk_stream.ts";
export { InFlight, RECALL_AFTER_MS } from "./in_flight.ts";
export { RunTimes } from "./run_times.ts";
