import type { Value } from "../../../bridge/mod.ts";
import type { HeldWorker } from "../../../pool/mod.ts";
import type { NestedArgs, NestedCallOptions, NestedStream } from "../host_tool_call.ts";

/** The limits of host tools. */
export interface RunLimits {
  readonly maxDepth: number;
  readonly maxCallDepth: number;
  readonly maxResultBytes: number;
}

/** The calls that host tools make. */
export interface NestedCalls {
  execute(tool: string, args: NestedArgs, options: NestedCallOptions): Promise<unknown>;
  stream<T>(tool: string, args: NestedArgs, options: NestedCallOptions): NestedStream<T>;
}

/** The caller of a host tool. */
export interface RunCaller {
  readonly depth: number;
  /** The workers that run the calls around this one. */
  readonly ancestors: readonly HeldWorker[];
  readonly sessionId: string | undefined;
  readonly pool: string | undefined;
  readonly workerId: string | undefined;
  /** The deadline of the caller, by the clock of the owner. */
  readonly deadlineAt: number;
  /** The longest silence; undefined for that of the tool, 0 for no limit. */
  readonly stallTimeoutMs?: number | undefined;
  /** Cancels the call. May be created when it is first used. */
  readonly signal: AbortSignal | undefined;
  /** Receives reports of progress. */
  readonly onProgress?: ((report: Value) => void) | undefined;
}

/**
 * The run of an asynchronous context. Timers, sockets and promises keep the context in which they
 * were made, so it must not keep a run that has ended.
 */
export interface RunContext<Run> {
  run: Run | undefined;
}
