import { IdCells } from "../collections/mod.ts";
import { SnakedenError } from "../errors.ts";
import type { Ask as WireAsk, HostErrorInit, Value as WireValue } from "./gen/link.js";
import { hostErrorOf } from "./link_errors.ts";
import { Value } from "./values/mod.ts";

/**
 * The most asks of one worker that may be open; more wait in the worker. Twin of asking.py, and
 * stated in link.proto.
 */
export const MAX_OPEN_ASKS = 256;
/**
 * The bytes of arguments of open asks with which no other one may be opened. Twin of asking.py, and
 * stated in link.proto.
 */
export const MAX_OPEN_ASK_BYTES = 67_108_864;

/** Something that a worker asks the host for, on behalf of a call that it runs. */
export interface Ask {
  /** The name of what the host is asked for, such as `session.get_vars`. */
  readonly method: string;
  readonly args: Value;
  /** Aborts when the call is told to stop, and when it ends. */
  readonly signal: AbortSignal;
}

/** Receives the asks of one call. */
export interface AskListener {
  /** Returns the answer. Whatever it throws is sent to the worker as an error. */
  onAsk?(ask: Ask): Value | Promise<Value>;
}

/** A call that has asked. Its signal is created when first used, since few answers take time. */
export class AskingCall {
  /** The open asks of the call, in no order. */
  readonly open: OpenAsk[] = [];
  #controller: AbortController | undefined;
  #reason: (() => SnakedenError) | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason());
    }
    return this.#controller.signal;
  }

  /** Stops the call. The error is made when it is used, since few calls need it. */
  stop(reason: () => SnakedenError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason());
  }
}

/** An ask that has not been answered. */
interface OpenAsk {
  readonly id: number;
  readonly asker: AskingCall;
  /** The bytes of its arguments. */
  readonly bytes: number;
}

/**
 * An ask that has arrived. It is a class because its signal is a getter: an object literal with one
 * outlives the call in the old generation of V8.
 */
export class ReceivedAsk implements Ask {
  readonly method: string;
  readonly args: Value;
  readonly #asker: AskingCall;

  constructor(method: string, args: Value, asker: AskingCall) {
    this.method = method;
    this.args = args;
    this.#asker = asker;
  }

  /** Created when it is used. */
  get signal(): AbortSignal {
    return this.#asker.signal;
  }
}

/**
 * The asks of a worker that the host has not answered, and the calls that have asked.
 *
 * Each ask is answered once: when its handler is done or, with an error, when its call ends. What a
 * handler returns after that is dropped.
 */
export class OpenAsks {
  readonly #send: (id: number, outcome: Value | HostErrorInit) => void;
  readonly #askers = new IdCells<AskingCall>();
  readonly #open = new IdCells<OpenAsk>();
  #openCount = 0;
  /** The bytes of the arguments of all open asks. */
  #openBytes = 0;

  /** @param send Sends an answer to the worker. */
  constructor(send: (id: number, outcome: Value | HostErrorInit) => void) {
    this.#send = send;
  }

  /** Returns the breach of the protocol that an ask with this id would be, if any. */
  breachOf(id: number): string | undefined {
    if (id === 0 || this.#open.has(id)) return `a second ask ${id}, or one without an id`;
    if (this.#openCount >= MAX_OPEN_ASKS) return `more than ${MAX_OPEN_ASKS} open asks`;
    if (this.#openBytes >= MAX_OPEN_ASK_BYTES) {
      return `an ask beyond ${MAX_OPEN_ASK_BYTES} bytes of open asks`;
    }
    return undefined;
  }

  /** Has an ask answered by the listener of its call; undefined if the call has ended. */
  answer({ id, callId, method, args }: WireAsk, listener: AskListener | undefined): void {
    if (listener === undefined) return this.#send(id, hostErrorOf(callEnded(), method));
    const asker = this.#askerOf(callId);
    const ask = { id, asker, bytes: bytesOf(args) };
    asker.open.push(ask);
    this.#open.set(id, ask);
    this.#openCount++;
    this.#openBytes += ask.bytes;
    try {
      if (listener.onAsk === undefined) throw noHandler(method);
      const answer = listener.onAsk(new ReceivedAsk(method, new Value(args ?? {}), asker));
      if (answer instanceof Value) return this.#answered(ask, answer);
      answer.then(
        (value) => this.#answered(ask, value),
        (error) => this.#refused(ask, { error, method }),
      );
    } catch (error) {
      this.#refused(ask, { error, method });
    }
  }

  /**
   * Tells the handlers of an open call that it must stop, also those of asks that are on their way.
   * Their answers are still sent.
   */
  stop(callId: number): void {
    this.#askerOf(callId).stop(() => new SnakedenError("cancelled", "The call was told to stop"));
  }

  /** Answers what is open of a call that has ended. */
  end(callId: number): void {
    const asker = this.#askers.get(callId);
    if (asker === undefined) return;
    this.#askers.delete(callId);
    for (const ask of [...asker.open]) this.#refused(ask, { error: callEnded(), method: "" });
    asker.stop(callEnded);
  }

  /** Drops everything, since the link is closed. */
  close(reason: SnakedenError): void {
    const askers = this.#askers.values();
    this.#askers.clear();
    this.#open.clear();
    this.#openCount = 0;
    for (const asker of askers) asker.stop(() => reason);
  }

  #askerOf(callId: number): AskingCall {
    let asker = this.#askers.get(callId);
    if (asker === undefined) this.#askers.set(callId, asker = new AskingCall());
    return asker;
  }

  #answered(ask: OpenAsk, value: Value): void {
    if (this.#settle(ask)) this.#send(ask.id, value);
  }

  #refused(
    ask: OpenAsk,
    { error, method }: { readonly error: unknown; readonly method: string },
  ): void {
    if (this.#settle(ask)) this.#send(ask.id, hostErrorOf(error, method));
  }

  /** Returns false if the ask was answered before; its id may belong to another one by now. */
  #settle(ask: OpenAsk): boolean {
    const { id, asker: { open }, bytes } = ask;
    if (this.#open.get(id) !== ask) return false;
    this.#open.delete(id);
    this.#openCount--;
    this.#openBytes -= bytes;
    const last = open.pop();
    if (last !== undefined && last !== ask) open[open.indexOf(ask)] = last;
    return true;
  }
}

function bytesOf(args: WireValue | null | undefined): number {
  const { json, buffers } = args ?? { json: new Uint8Array(), buffers: [] };
  return buffers.reduce((sum, it) => sum + it.byteLength, json.byteLength);
}

function callEnded(): SnakedenError {
  return new SnakedenError("cancelled", "The call that asked has ended");
}

function noHandler(method: string): SnakedenError {
  return new SnakedenError("not_implemented", `The host does not answer ${method}`);
}
