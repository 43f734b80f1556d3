import type { StopSignal } from "../../async/mod.ts";
import type { OutgoingBulk, Value } from "../../bridge/mod.ts";
import type { AffinityMode } from "./affinity_mode.ts";
import type { CallWork } from "./call_surroundings.ts";
import type { OutputSink } from "./output_sink.ts";
import type { CallInputs } from "./inputs/mod.ts";

/** The fate of a call that no worker is free for: it waits, or is refused. */
export type WhenBusy = "wait" | "fail";

/** The form of arrays in results: lists of numbers, or their bytes, which HTTP sends as base64. */
export type ArrayForm = "list" | "base64";

/** The numbers of the forms on the link; 0 leaves the choice to the tool. */
export const ARRAY_FORMS: Readonly<Record<ArrayForm, number>> = { list: 1, base64: 2 };

/** A worker that runs a tool in Python. */
export interface HeldWorker {
  readonly pool: string;
  readonly workerId: string;
}

/** The request of a caller. */
export interface CallRequest {
  readonly tool: string;
  readonly args: Value;
  /** The time from now until the deadline, for queue, link and tool together. */
  readonly timeoutMs: number;
  /** The time that its tool may show nothing; 0 or undefined for no limit. */
  readonly stallTimeoutMs?: number | undefined;
  /** A number within {@link PRIORITY_RANGE}; a higher one goes first. */
  readonly priority: number;
  readonly sessionId?: string | undefined;
  /** The way in which it keeps to the worker of its session. Default: that of the pool. */
  readonly affinity?: AffinityMode | undefined;
  /** True if its session may be bound to another worker when its own is gone. Default false. */
  readonly rebind?: boolean | undefined;
  /** Its fate if no worker is free and none may be started. Default: that of the pool. */
  readonly whenBusy?: WhenBusy | undefined;
  /** The id the caller knows the call by; appears in logs of both sides. */
  readonly requestId?: string | undefined;
  /** The job whose attempt the call is; undefined for any other call. */
  readonly job?: string | undefined;
  /** The number of calls around it, by tools that called tools. Default 0, from outside. */
  readonly depth?: number | undefined;
  /** The workers that run those of these calls that are tools in Python. Default none. */
  readonly ancestors?: readonly HeldWorker[] | undefined;
  readonly signal?: StopSignal | undefined;
  /** True if it may run again when its worker dies. Default: what the tool declares. */
  readonly idempotent?: boolean | undefined;
  /** The form of arrays that are sent back; undefined leaves it to the tool. */
  readonly arrays?: ArrayForm | undefined;
  /** Receives the progress of a call, also of one without a sink. It must not throw. */
  readonly onProgress?: ((report: Value) => void) | undefined;
  /** The input streams among the arguments, which the call holds until it has ended. */
  readonly inputs?: CallInputs | undefined;
  /**
   * Called with the work of the call each time that it is sent to a worker: again if the worker has
   * given it back. It must not throw.
   */
  readonly onSent?: ((work: CallWork) => void) | undefined;
  /**
   * The form of the items, if this is a bulk call: `args` has a list of them, `timeoutMs` is the
   * time of each from its start, and the sink receives their outcomes.
   */
  readonly bulk?: OutgoingBulk | undefined;
  /** Receives the output of the call; without it, only the log of the host has it. */
  readonly output?: OutputSink | undefined;
  /** Receives the chunks of a stream; without it a generator returns a list. */
  readonly sink?: ChunkSink | undefined;
}

/** Receives what a tool sends before its result. */
export interface ChunkSink {
  /** The weight of chunks that may wait unread. */
  readonly windowBytes: number;
  onChunk(value: Value): void;
  onProgress(value: Value): void;
}

/** The outcome of a call that was answered with a result. */
export interface CallOutcome {
  /** The result of the tool, encoded. */
  readonly value: Value;
  /** The id of the call, as the log has it. */
  readonly callId: string;
  /** The id of the worker that ran the call. */
  readonly workerId: string;
  /** The time from the request to the result. */
  readonly durationMs: number;
  /** The part of `durationMs` in which the call waited for a worker. */
  readonly queueMs: number;
  /** The part of `durationMs` inside the tool, by the worker's clock. */
  readonly runMs: number;
}
