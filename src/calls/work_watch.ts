import type { StopSignal } from "../async/mod.ts";
import type { OutgoingBulk, Value } from "../bridge/mod.ts";
import type { CallOutcome, CallWork, ChunkStream, OutputSink } from "../pool/mod.ts";

/** Hears of the work of a call. Its functions must not throw. */
export interface WorkWatch {
  /** Called each time that the call is sent to a worker. */
  readonly onSent: (work: CallWork) => void;
  readonly onProgress: (report: Value) => void;
  /** Receives the chunks; without it, the chunks of a generator are returned as one list. */
  readonly stream?: ChunkStream | undefined;
  /** The form of the items, if the call is a bulk call. */
  readonly bulk?: OutgoingBulk | undefined;
  /** The job whose attempt the call is. */
  readonly job?: string;
  /** Receives the output of the call. */
  readonly output?: OutputSink | undefined;
  /** Stops the call, instead of the signal of its options. Sessions that are strict need both. */
  readonly signal?: StopSignal | undefined;
}

/** Returns the outcome of a call that no pool has taken. Its stream gets the same one. */
export function refusedWork(error: unknown, { stream }: WorkWatch): Promise<CallOutcome> {
  const outcome = Promise.reject(error);
  stream?.attach({ outcome, credit: () => {} });
  return outcome;
}
