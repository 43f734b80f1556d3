import type { Value } from "../../bridge/mod.ts";
import type { AffinityMode, ArrayForm, StreamEvent } from "../../pool/mod.ts";

/** Options of a call that a host tool makes: those of {@link CallOptions}. */
export interface NestedCallOptions {
  /** The pool that runs the call; see {@link CallOptions.pool}. */
  readonly pool?: string;
  /** The deadline of the call. That of the host tool counts if it is earlier. */
  readonly timeoutMs?: number;
  /** The time that the other tool may show nothing; see {@link CallOptions.stallTimeoutMs}. */
  readonly stallTimeoutMs?: number;
  /** A whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /** The session of the call. Default: that of the host tool. */
  readonly sessionId?: string;
  /** The way in which the call keeps to the worker of its session. */
  readonly affinity?: AffinityMode;
  /** True if the session may start again in another worker; see {@link CallOptions.rebind}. */
  readonly rebind?: boolean;
  /** An id for the tool and for the logs of both sides. */
  readonly requestId?: string;
  /** True if the call may run twice; see {@link CallOptions.idempotent}. */
  readonly idempotent?: boolean;
  /** The form of arrays in the result and the chunks. */
  readonly arrays?: ArrayForm;
  /** A signal that cancels the call. The end of the host tool cancels it, too. */
  readonly signal?: AbortSignal;
}

/** The arguments of a call that a host tool makes. */
export type NestedArgs = Readonly<Record<string, unknown>> | Value;

/** The chunks of a call that a host tool makes; see {@link ToolStream}. */
export interface NestedStream<T = unknown> extends AsyncIterable<T> {
  /** The value that the tool returned. */
  readonly result: Promise<unknown>;
  /** Yields chunks and progress as they come, and then `done`. */
  events(): AsyncIterable<StreamEvent>;
}

/** The call of a host tool, as its `run` sees it. */
export interface HostToolCall {
  /** The id of this call. */
  readonly id: string;
  /** The name of the tool. */
  readonly tool: string;
  /** The number of calls around it, by tools that called tools; 0 for a caller from outside. */
  readonly depth: number;
  /** The session of the call; undefined if it has none. */
  readonly sessionId: string | undefined;
  /** The pool of the tool that made the call; undefined if no tool in Python made it. */
  readonly pool: string | undefined;
  /** The worker of the tool that made the call; undefined if no tool in Python made it. */
  readonly workerId: string | undefined;
  /** Aborts when the caller cancels the call, when a limit of time passes, and when it ends. */
  readonly signal: AbortSignal;
  /** The time left until the deadline, in milliseconds. */
  readonly remainingMs: number;
  /**
   * Reports progress, which callers of `den.stream()` and `POST /v1/stream` see. Of reports that
   * come faster than they are read, only the last one stays.
   *
   * @throws {SnakedenError} `invalid_value` if the report cannot be sent.
   */
  progress(report: unknown): void;
  /**
   * Calls another tool, with the deadline, the cancellation and the session of this call.
   *
   * @throws {SnakedenError} `call_depth_exceeded`, and the errors of {@link Snakeden.execute}.
   */
  execute<T = unknown>(
    tool: string,
    args?: NestedArgs,
    options?: NestedCallOptions,
  ): Promise<T>;
  /** Follows another tool, as {@link HostToolCall.execute} calls it. */
  stream<T = unknown>(
    tool: string,
    args?: NestedArgs,
    options?: NestedCallOptions,
  ): NestedStream<T>;
}
