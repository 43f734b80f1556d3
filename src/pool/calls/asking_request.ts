import type { Ask } from "../../bridge/mod.ts";
import type { CallRequest, HeldWorker } from "./call_request.ts";
import type { AskingWorker } from "./call_surroundings.ts";
import type { AskingCall } from "./host_methods.ts";

/** The facts of a call that asks which its request does not have. */
export interface AskingFacts {
  readonly callId: string;
  readonly pool: string;
  readonly worker: AskingWorker;
  readonly remainingMs: number;
}

/**
 * A call that asks the host for something.
 *
 * It is a class because its signal is a getter. Each object literal with a getter gets a hidden
 * class of its own, which V8 puts into the old generation: there it keeps the object alive, and the
 * call with all its arguments, until the next full garbage collection.
 */
export class AskingRequest implements AskingCall {
  readonly callId: string;
  readonly requestId: string;
  readonly sessionId: string;
  readonly pool: string;
  readonly tool: string;
  readonly workerId: string;
  readonly incarnation: string;
  readonly depth: number;
  readonly ancestors: readonly HeldWorker[];
  readonly job: string | undefined;
  readonly remainingMs: number;
  readonly #ask: Ask;

  constructor(request: CallRequest, ask: Ask, { callId, pool, worker, remainingMs }: AskingFacts) {
    const { requestId = "", sessionId = "", tool, depth = 0, ancestors = [], job } = request;
    this.callId = callId;
    this.requestId = requestId;
    this.sessionId = sessionId;
    this.pool = pool;
    this.tool = tool;
    this.workerId = worker.id;
    this.incarnation = worker.incarnation;
    this.depth = depth;
    this.ancestors = ancestors;
    this.job = job;
    this.remainingMs = remainingMs;
    this.#ask = ask;
  }

  /** Created when it is used. */
  get signal(): AbortSignal {
    return this.#ask.signal;
  }
}
