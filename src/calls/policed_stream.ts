import type { Call, CallInputs, ChunkSink, ChunkStream } from "../pool/mod.ts";
import type { CallPolicy, PolicedCall } from "./policies/mod.ts";

/** Options of a stream. */
export interface PolicedStreamOptions extends Omit<PolicedCall<Call>, "attempt" | "mayRepeat"> {
  readonly policy: CallPolicy;
  /** The input streams of the call, if it has any. It is not made again once it has read them. */
  readonly inputs: CallInputs | undefined;
  /** Sends the call to the pool. */
  readonly submit: (timeoutMs: number, sink: ChunkSink) => Call;
}

/**
 * Connects a stream to a call that passes a policy. Until its first chunk the call may be made
 * again. A circuit counts a first chunk as a result. Returns the outcome.
 */
export function attachPoliced(
  stream: ChunkStream,
  options: PolicedStreamOptions,
): Promise<unknown> {
  const { policy, submit, inputs, ...rest } = options;
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
  inputs?.hold();
  const mayRepeat = (): boolean => !hasBegun && inputs?.isRead !== true;
  const outcome = policy.run({ ...rest, attempt, mayRepeat }).then((call) => call.outcome);
  if (inputs !== undefined) {
    const release = (): void => inputs.release();
    outcome.then(release, release);
  }
  stream.attach({ outcome, credit: (bytes) => current?.credit(bytes) });
  return outcome;
}
