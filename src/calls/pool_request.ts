import type { CallInputs, CallRequest, ChunkSink, Pool } from "../pool/mod.ts";
import type { Value } from "../bridge/mod.ts";
import type { CallOptions } from "./call_options.ts";
import { originOf, timeoutOf } from "./nested_calls.ts";
import { reporterTo } from "./progress_listener.ts";
import type { WorkWatch } from "./work_watch.ts";

/** The parts of a request besides its tool and its options. */
export interface RequestParts {
  readonly args: Value;
  readonly inputs: CallInputs | undefined;
  readonly sink: ChunkSink | undefined;
  readonly watch: WorkWatch | undefined;
}

/** Returns the request of a call, as its pool takes it. */
export function poolRequest(
  pool: Pool,
  tool: string,
  options: CallOptions,
  { args, inputs, sink, watch }: RequestParts,
): CallRequest {
  const origin = originOf(options);
  return {
    tool,
    args,
    timeoutMs: timeoutOf(pool, tool, options),
    stallTimeoutMs: options.stallTimeoutMs ??
      (pool.registered.stallTimeoutOf(tool, options.sessionId) || pool.code.stallTimeoutOf(tool)),
    priority: options.priority ?? 0,
    sessionId: options.sessionId,
    affinity: options.affinity,
    rebind: options.rebind,
    whenBusy: options.whenBusy,
    requestId: options.requestId,
    depth: origin?.depth,
    ancestors: origin?.ancestors,
    job: watch?.job,
    signal: watch?.signal ?? options.signal,
    idempotent: options.idempotent,
    arrays: options.arrays,
    onProgress: watch?.onProgress ??
      (options.onProgress && reporterTo(options.onProgress, tool)),
    onSent: watch?.onSent,
    output: watch?.output,
    inputs,
    bulk: watch?.bulk,
    sink,
  };
}
