import type { AskingCall, HeldWorker } from "../../../pool/mod.ts";
import type { RunCaller } from "./run_caller.ts";

/**
 * A tool in Python that calls a host tool. It is a class because its signal is a getter; see
 * {@link AskingCall}.
 */
export class PythonCaller implements RunCaller {
  readonly depth: number;
  readonly ancestors: readonly HeldWorker[];
  readonly sessionId: string | undefined;
  readonly pool: string;
  readonly workerId: string;
  readonly deadlineAt: number;
  readonly #call: AskingCall;

  /** @param now The time on the clock of the runs. */
  constructor(call: AskingCall, now: number) {
    const { depth, ancestors = [], sessionId, pool, workerId, remainingMs } = call;
    this.depth = depth + 1;
    this.ancestors = [...ancestors, { pool, workerId }];
    this.sessionId = sessionId === "" ? undefined : sessionId;
    this.pool = pool;
    this.workerId = workerId;
    this.deadlineAt = now + remainingMs;
    this.#call = call;
  }

  /** Created when it is used. */
  get signal(): AbortSignal {
    return this.#call.signal;
  }
}
