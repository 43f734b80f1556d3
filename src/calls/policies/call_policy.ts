import { delay } from "../../async/mod.ts";
import type { SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { Circuit } from "./circuit.ts";
import type { RetryPolicy } from "./retry_policy.ts";

/** One call, which may take several attempts. */
export interface PolicedCall<T> {
  readonly tool: string;
  /** The one deadline over all attempts and pauses. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Returns true if the call may run twice. Called if an attempt failed that may have run. */
  readonly isIdempotent: () => boolean;
  /** Called before each further attempt; returns false once the caller has a part of the answer. */
  readonly mayRepeat?: () => boolean;
  /** Makes one attempt within the time that is left. */
  readonly attempt: (timeoutMs: number) => Promise<T>;
}

/** The parts of a policy. */
export interface CallPolicyParts {
  /** The circuits, all of which must let a call pass. */
  readonly circuits: readonly Circuit[];
  readonly retry?: RetryPolicy | undefined;
  /** Called before each further attempt. */
  readonly onRetry: () => void;
  /**
   * Ends pauses at once when the host stops. The pool then refuses the attempt that follows.
   */
  readonly stopping: AbortSignal;
}

/**
 * Makes the calls of one tool. Each attempt passes the circuits. After a failure that is worth a
 * retry, it pauses and makes another attempt, if the deadline allows. The circuits are cockatiel's,
 * but its retry is not used: a pause must end at once when the caller leaves, and must not begin if
 * the deadline would pass first.
 */
export class CallPolicy {
  readonly #parts: CallPolicyParts;
  readonly #log = getLogger("pool");

  constructor(parts: CallPolicyParts) {
    this.#parts = parts;
  }

  /**
   * Makes a call, in one attempt or several.
   *
   * @throws The error of the last attempt, `circuit_open`, or the reason of the signal.
   */
  async run<T>(call: PolicedCall<T>): Promise<T> {
    const { retry } = this.#parts;
    const deadline = performance.now() + call.timeoutMs;
    const pauses = retry?.pauses();
    for (let attempt = 1;; attempt++) {
      try {
        // At least a millisecond, since no time at all is refused as an option of a call.
        return await this.#pass(call, Math.max(1, deadline - performance.now()));
      } catch (error) {
        if (retry === undefined || pauses === undefined || attempt >= retry.attempts) throw error;
        if (call.signal?.aborted || call.mayRepeat?.() === false) throw error;
        if (!retry.takes(error, call.isIdempotent)) throw error;
        const pauseMs = pauses.next().value;
        if (performance.now() + pauseMs >= deadline) throw error;
        this.#announce(call.tool, error, { attempt, pauseMs });
        await this.#pause(pauseMs, call.signal);
      }
    }
  }

  async #pass<T>(call: PolicedCall<T>, timeoutMs: number): Promise<T> {
    const { circuits } = this.#parts;
    // All are asked before one is entered: a call that tries one out must not fail because of
    // another.
    for (const circuit of circuits) {
      const refusal = circuit.refusal(call.tool);
      if (refusal !== undefined) throw refusal;
    }
    const attempt = (): Promise<T> => call.attempt(timeoutMs);
    return await circuits.reduce((inner, circuit) => () => circuit.run(inner), attempt)();
  }

  /** @throws The reason of the signal, as soon as it aborts. */
  async #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { stopping } = this.#parts;
    await delay(ms, signal === undefined ? stopping : AbortSignal.any([signal, stopping]));
    signal?.throwIfAborted();
  }

  #announce(
    tool: string,
    { code }: SnakedenError,
    { attempt, pauseMs }: { readonly attempt: number; readonly pauseMs: number },
  ): void {
    this.#parts.onRetry();
    this.#log.info("{tool} is called again in {pauseMs} ms after {code} in attempt {attempt}", {
      tool,
      pauseMs: Math.round(pauseMs),
      code,
      attempt,
    });
  }
}
