import type { Value } from "../../bridge/mod.ts";
import type { Args, CallOptions } from "../../calls/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { CallOutcome, StreamEvent } from "../../pool/mod.ts";
import { OVER_HTTP } from "../../tools/mod.ts";
import { type EventSource, inMicroseconds, type Traffic } from "../calls/mod.ts";
import { badFrame, type SocketCallFields, withInput } from "./frame_fields.ts";
import { valueText, writeBinary } from "./frames.ts";
import { InputQueue } from "./input_queue.ts";
import type { Outlet } from "./outlet.ts";
import { MAX_PACKED_BUFFERS, writePacked } from "./packed.ts";

/** The bytes of input that may wait for a tool. */
export const INPUT_WINDOW_BYTES = 256 * 1024;
/** Values up to this size are sent packed; larger ones gain nothing from it. */
const MAX_PACKED_BYTES = 256 * 1024;

/** The host, as the calls of a socket see it. */
export interface SocketHost {
  call(tool: string, args: Args, options: CallOptions): Promise<CallOutcome>;
  stream(tool: string, args: Args, options: CallOptions): EventSource;
}

/** Options of a {@link SocketCall}. */
export interface SocketCallOptions {
  readonly id: number;
  readonly host: SocketHost;
  readonly traffic: Pick<Traffic, "arguments">;
  readonly outlet: Outlet;
  readonly requestId: string;
  /** True if values with buffers are sent as packed messages. */
  readonly packs: boolean;
  /** The longest text message. */
  readonly maxTextChars: number;
  /** Sends the error that has ended the call. */
  readonly onError: (error: unknown, call: SocketCallFields) => void;
  /** Called when it has ended. */
  readonly onEnd: () => void;
}

/** One call of a client on its socket, from its `call` to its `result` or `error`. */
export class SocketCall {
  readonly #options: SocketCallOptions;
  readonly #fields: SocketCallFields;
  readonly #leaving = new AbortController();
  readonly #input: InputQueue | undefined;

  constructor(fields: SocketCallFields, options: SocketCallOptions) {
    this.#options = options;
    this.#fields = fields;
    if (fields.input === undefined) return;
    const { id, outlet, traffic } = options;
    this.#input = new InputQueue({
      windowBytes: INPUT_WINDOW_BYTES,
      hold: (bytes) => traffic.arguments.hold(bytes),
      onCredit: (bytes) => outlet.send(JSON.stringify({ type: "credit", id, bytes })),
    });
  }

  /** Runs the call and sends everything that it sends. Never rejects. */
  async run(): Promise<void> {
    const { onError, onEnd } = this.#options;
    try {
      await (this.#fields.streams ? this.#stream() : this.#execute());
    } catch (error) {
      const { outlet } = this.#options;
      await outlet.ready();
      if (outlet.isOpen) onError(error, this.#fields);
    } finally {
      this.#input?.fail(new SnakedenError("cancelled", "The call has ended"));
      onEnd();
    }
  }

  /**
   * Passes an item of the client to the tool.
   *
   * @param bytes The bytes of the messages that it came in.
   */
  push(value: unknown, bytes: number): void {
    try {
      this.#openInput("chunk").push(value, bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the input. */
  end(): void {
    try {
      this.#openInput("end").end();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the call with this error, or as cancelled. */
  fail(error: unknown): void {
    this.#leaving.abort(error);
    this.#input?.fail(error);
  }

  #openInput(type: string): InputQueue {
    if (this.#input === undefined) {
      throw badFrame("id", `the call takes no ${type}; a call with input names its parameter`);
    }
    if (!this.#input.isOpen) throw badFrame("id", `the input has ended; no ${type} may follow`);
    return this.#input;
  }

  /** The arguments of the call, with its input among them. */
  get #args(): Args {
    const { args, input } = this.#fields;
    return input === undefined || this.#input === undefined
      ? args
      : withInput(args, input, this.#input);
  }

  get #callOptions(): CallOptions {
    const { requestId } = this.#options;
    return { ...this.#fields.options, requestId, signal: this.#leaving.signal, ...OVER_HTTP };
  }

  /** Reserves memory for the arguments and for the items that may wait. */
  #hold(): Disposable {
    const inputBytes = this.#input === undefined ? 0 : INPUT_WINDOW_BYTES;
    return this.#options.traffic.arguments.hold(this.#fields.args.weight + inputBytes);
  }

  async #execute(): Promise<void> {
    using _room = this.#hold();
    const { host } = this.#options;
    await this.#sendResult(await host.call(this.#fields.tool, this.#args, this.#callOptions));
  }

  async #stream(): Promise<void> {
    using _room = this.#hold();
    const { host } = this.#options;
    const stream = host.stream(this.#fields.tool, this.#args, this.#callOptions);
    for await (const event of stream.events()) await this.#sendEvent(event);
  }

  #sendEvent(event: StreamEvent): Promise<void> {
    if (event.type === "done") return this.#sendResult(event);
    const { value } = event;
    const raw = event.type === "chunk" ? value.raw : undefined;
    if (raw !== undefined && raw.dtype === undefined) return this.#sendBytes(raw.bytes);
    return this.#sendValue({ type: event.type, field: "value" }, value);
  }

  #sendResult({ value, callId, workerId, durationMs, queueMs }: CallOutcome): Promise<void> {
    const rest = {
      callId,
      workerId,
      durationMs: inMicroseconds(durationMs),
      queueMs: inMicroseconds(queueMs),
    };
    return this.#sendValue({ type: "result", field: "result", rest }, value);
  }

  async #sendBytes(bytes: Uint8Array): Promise<void> {
    const { outlet, id } = this.#options;
    using _room = outlet.reserve(bytes.byteLength);
    await outlet.ready();
    outlet.send(writeBinary("item", id, bytes));
  }

  async #sendValue(
    head: {
      readonly type: string;
      readonly field: string;
      readonly rest?: Readonly<Record<string, unknown>>;
    },
    value: Value,
  ): Promise<void> {
    const { outlet, id, packs, maxTextChars } = this.#options;
    using _room = outlet.reserve(value.weight);
    await outlet.ready();
    if (!outlet.isOpen) return;
    const { buffers, text } = valueText({ ...head, id }, value);
    if (text.length > maxTextChars) throw tooLarge(head.field, text.length, maxTextChars);
    const isSmall = buffers.length <= MAX_PACKED_BUFFERS && value.weight <= MAX_PACKED_BYTES;
    if (packs && buffers.length > 0 && isSmall) {
      return outlet.send(writePacked(id, { text, buffers }));
    }
    for (const buffer of buffers) outlet.send(writeBinary("buffer", id, buffer));
    outlet.send(text);
  }
}

function tooLarge(field: string, chars: number, maxTextChars: number): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot send the ${field}: its JSON has ${chars} characters, and a message of a socket may ` +
      `have ${maxTextChars} (limits.maxBodyBytes); bytes and arrays do not count`,
    { details: { maxBodyBytes: maxTextChars } },
  );
}
