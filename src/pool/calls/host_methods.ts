import type { Value } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { HeldWorker } from "./call_request.ts";

/** A call whose tool asks the host for something. */
export interface AskingCall {
  readonly callId: string;
  /** The id the caller knows the call by; empty if there is none. */
  readonly requestId: string;
  /** The session of the call; empty if it has none. */
  readonly sessionId: string;
  readonly pool: string;
  readonly tool: string;
  readonly workerId: string;
  /** The incarnation of the worker. */
  readonly incarnation: string;
  /** The number of calls around it, by tools that called tools; 0 for a caller from outside. */
  readonly depth: number;
  /** The workers that run those of these calls that are tools in Python, without its own. */
  readonly ancestors?: readonly HeldWorker[];
  /** The job whose attempt the call is; undefined for any other call. */
  readonly job?: string | undefined;
  /** The time left until the deadline of the call. */
  readonly remainingMs: number;
  /** Aborts when the call is told to stop, and when it ends. */
  readonly signal: AbortSignal;
}

/** Everything that the tools of a pool may ask the host for. */
export interface HostServices {
  /**
   * Returns the answer. Codes, texts and details of {@link SnakedenError}s are sent to the tool.
   *
   * @throws {SnakedenError} `not_implemented` for an unknown method.
   */
  answer(call: AskingCall, method: string, args: Value): Value | Promise<Value>;
}

/** Answers one method. */
export type HostMethod = (call: AskingCall, args: Value) => Value | Promise<Value>;

/** Services that are a table of methods by name, such as `session.get_vars`. */
export class HostMethods implements HostServices {
  readonly #methods: ReadonlyMap<string, HostMethod>;

  constructor(methods: Readonly<Record<string, HostMethod>>) {
    this.#methods = new Map(Object.entries(methods));
  }

  answer(call: AskingCall, method: string, args: Value): Value | Promise<Value> {
    const answer = this.#methods.get(method);
    if (answer === undefined) throw this.#unknown(method);
    return answer(call, args);
  }

  #unknown(method: string): SnakedenError {
    const known = [...this.#methods.keys()];
    const hint = known.length === 0 ? "it knows none" : `known: ${known.join(", ")}`;
    return new SnakedenError(
      "not_implemented",
      `Cannot answer ${JSON.stringify(method.slice(0, 200))}: the host has no such method; ${hint}`,
      { details: { method: method.slice(0, 200), known } },
    );
  }
}

/** The services of a host that has none. */
export const NO_SERVICES: HostServices = new HostMethods({});
