import type { Call, ChunkSink, ChunkStream } from "../pool/mod.ts";
import type { CallPolicy, PolicedCall } from "./policies/mod.ts";

/** Options of a stream. */
export interface PolicedStreamOptions extends Omit<PolicedCall<Call>, "attempt" | "mayRepeat"> {
  readonly policy: CallPolicy;
  /** Sends the call to the pool. */
  readonly submit: (timeoutMs: number, sink: ChunkSink) => Call;
}

/**
 * Connects a stream to a call that passes a policy. Until its first chunk the call may be made
 * again. A circuit counts a first chunk as a result.
 */
export function attachPoliced(stream: ChunkStream, options: PolicedStreamOptions): void {
  const { policy, submit, ...rest } = options;
  const begun = Promise.withResolvers<void>();
  let hasBegun = false;
  let current: Call | undefined;
  const sink: ChunkSink = {
    windowBytes: stream.windowBytes,
    onChunk: (value) => {
      hasBegun = true;
      begun.resolve();
      stream.onChunk(value);
    },
    onProgress: (value) => stream.onProgress(value),
  };
  const attempt = async (timeoutMs: number): Promise<Call> => {
    const call = current = submit(timeoutMs, sink);
    await Promise.race([call.outcome, begun.promise]);
    return call;
  };
  const outcome = policy.run({ ...rest, attempt, mayRepeat: () => !hasBegun })
    .then((call) => call.outcome);
  stream.attach({ outcome, credit: (bytes) => current?.credit(bytes) });
}
