import { Buffer } from "node:buffer";
import { type InvalidInputError, SnakedenError } from "../../errors.ts";
import { type Called, problemOf, problemText, type Shown } from "../http/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import {
  badFrame,
  checkNoFields,
  readCall,
  readItem,
  readText,
  type TextFrame,
} from "./frame_fields.ts";
import { type BinaryFrame, HEAD_BYTES, readBinary } from "./frames.ts";
import type { ClosableSocket } from "./open_sockets.ts";
import { Outlet } from "./outlet.ts";
import { decodeText, readPacked } from "./packed.ts";
import { PendingBuffers } from "./pending_buffers.ts";
import { INPUT_WINDOW_BYTES, SocketCall, type SocketHost } from "./socket_call.ts";

/** The longest text message of a client, which is parsed on the event loop. */
export const MAX_TEXT_BYTES = 128 * 1024;
/** The most bytes in a binary message: the runtime takes less than 64 MiB. */
const RUNTIME_MAX_BYTES = 64 * 1024 * 1024 - 1;
/** The most errors of refused calls that may wait for a client that reads too little. */
const MAX_REFUSALS = 256;
/** The longest reason of a close, in bytes. */
const MAX_REASON_BYTES = 123;

/** The codes with which a connection is closed (RFC 6455, section 7.4.1). */
const CLOSE = { protocol: 1002, policy: 1008, tooBig: 1009 } as const;

/** Options of a {@link Connection}. */
export interface ConnectionOptions {
  readonly host: SocketHost;
  readonly traffic: Pick<Traffic, "arguments" | "answers">;
  readonly requestId: string;
  readonly limits: ConnectionLimits;
  readonly shown: Shown;
  /** Aborts when the API key of the client is removed, or the attempt ends whose token it has. */
  readonly removal?: AbortSignal | undefined;
  /** Writes the failure of a call to the log. */
  readonly onFailure: (error: unknown, called: Called) => void;
}

/** Limits on one connection. */
export interface ConnectionLimits {
  readonly maxDepth: number;
  readonly maxSocketCalls: number;
  readonly maxBodyBytes: number;
  readonly maxUploadBytes: number;
  readonly answerTimeoutMs: number;
}

/**
 * One WebSocket and the calls on it; docs/http.md describes the messages. Ids of calls ascend, so
 * messages for a call that has ended meanwhile can be told from those for no call: the former are
 * ignored, as client and server may end a call at the same time. The latter break the protocol.
 */
export class Connection implements ClosableSocket {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #outlet: Outlet;
  readonly #calls = new Map<number, SocketCall>();
  readonly #buffers: PendingBuffers;
  readonly #maxBinaryBytes: number;
  readonly #closed = Promise.withResolvers<void>();
  /** The highest id of a call so far. */
  #lastId = -1;
  /** The errors of refused calls that wait for the client. */
  #refusals = 0;
  /** True once nothing more is taken from the client. */
  #isClosing = false;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    const { traffic, limits } = options;
    this.#socket = socket;
    this.#options = options;
    this.#maxBinaryBytes = Math.min(limits.maxUploadBytes, RUNTIME_MAX_BYTES - HEAD_BYTES);
    this.#buffers = new PendingBuffers({
      maxBytes: this.#maxBinaryBytes,
      hold: (bytes) => traffic.arguments.hold(bytes),
    });
    this.#outlet = new Outlet(socket, {
      answers: traffic.answers,
      answerTimeoutMs: limits.answerTimeoutMs,
      onStuck: () => this.close(CLOSE.policy, "nothing was read for too long"),
    });
    options.removal?.addEventListener("abort", this.#onRemoval);
    socket.addEventListener("open", () => this.#onOpen());
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    socket.addEventListener("close", () => this.#onClose());
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** True once nothing more is taken from the client. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Cancels all calls and closes the connection. */
  close(code: number, reason: string): void {
    this.#leave();
    this.#socket.close(code, reasonOf(reason));
  }

  #onOpen(): void {
    const { limits: { maxSocketCalls }, requestId } = this.#options;
    this.#send({
      type: "hello",
      requestId,
      windowBytes: INPUT_WINDOW_BYTES,
      maxTextBytes: MAX_TEXT_BYTES,
      maxBinaryBytes: this.#maxBinaryBytes,
      maxCalls: maxSocketCalls,
    });
  }

  #onMessage(data: unknown): void {
    if (this.#isClosing) return;
    try {
      if (typeof data === "string") this.#onText(data);
      else if (data instanceof ArrayBuffer) this.#onBinary(data);
    } catch (error) {
      this.#breach(error);
    }
  }

  /** The API key of the client is no longer valid. */
  readonly #onRemoval = (): void => {
    const isOfJob = this.#options.removal?.reason instanceof SnakedenError;
    const reason = isOfJob ? "the attempt of the job has ended" : "the API key was removed";
    this.close(CLOSE.policy, reason);
  };

  /** The client has left, or the connection was closed. */
  #onClose(): void {
    this.#options.removal?.removeEventListener("abort", this.#onRemoval);
    this.#leave();
    this.#outlet.close();
    this.#closed.resolve();
  }

  /** Cancels all calls. */
  #leave(): void {
    this.#isClosing = true;
    this.#buffers.clear();
    const left = new DOMException("The client left", "AbortError");
    for (const call of this.#calls.values()) call.fail(left);
  }

  #onText(text: string): void {
    const bytes = text.length > MAX_TEXT_BYTES ? text.length : Buffer.byteLength(text);
    if (bytes > MAX_TEXT_BYTES) throw new Breach(CLOSE.tooBig, textTooLong(bytes));
    this.#onFrame(readText(text, this.#options.limits.maxDepth), { bytes });
  }

  #onFrame(frame: TextFrame, received: ReceivedFrame): void {
    const { limits: { maxDepth } } = this.#options;
    if (frame.type === "call") return this.#open(frame, received);
    const call = this.#find(frame.id);
    if (call === undefined) return;
    const taken = this.#buffers.take(frame.id);
    try {
      if (frame.type === "chunk") {
        const buffers = joined(taken.buffers, received.packed);
        const value = readItem(frame, { maxDepth, buffers });
        call.push(value, received.bytes + taken.bytes);
        return;
      }
      checkNoFields(frame.fields);
      if (frame.type === "end") call.end();
      else call.fail(new SnakedenError("cancelled", "The client cancelled the call"));
    } catch (error) {
      call.fail(error);
    }
  }

  #onBinary(message: ArrayBuffer): void {
    const bytes = message.byteLength;
    if (bytes > this.#maxBinaryBytes + HEAD_BYTES) {
      throw new Breach(CLOSE.tooBig, binaryTooLong(bytes - HEAD_BYTES, this.#maxBinaryBytes));
    }
    const frame = readBinary(message);
    if (typeof frame === "string") throw badFrame("", frame);
    if (frame.kind === "packed") this.#onPacked(frame, bytes);
    else if (frame.kind === "item") this.#find(frame.id)?.push(frame.bytes, bytes);
    else if (this.#calls.has(frame.id) || frame.id > this.#lastId) {
      try {
        this.#buffers.add(frame.id, frame.bytes);
      } catch (error) {
        throw new Breach(CLOSE.policy, error);
      }
    }
  }

  #onPacked({ id, bytes: payload }: BinaryFrame, bytes: number): void {
    const { limits: { maxDepth } } = this.#options;
    const packed = readPacked(payload);
    if (typeof packed === "string") throw badFrame("", packed);
    const { text: { byteLength } } = packed;
    if (byteLength > MAX_TEXT_BYTES) throw new Breach(CLOSE.tooBig, textTooLong(byteLength));
    const text = decodeText(packed.text);
    if (text === undefined) throw badFrame("", "the text in a packed message is not UTF-8");
    const frame = readText(text, maxDepth);
    if (frame.id !== id) {
      throw badFrame("id", `given ${frame.id}; allowed: ${id}, as in the head of the message`);
    }
    this.#onFrame(frame, { bytes, packed: packed.buffers });
  }

  #open(frame: TextFrame, { packed }: ReceivedFrame): void {
    const { id } = frame;
    if (id <= this.#lastId) {
      throw badFrame(
        "id",
        `given ${id}, but ${this.#lastId} was used already; allowed: a higher one, for each call`,
      );
    }
    this.#lastId = id;
    // Buffers for lower ids can belong to no call any more.
    const { buffers } = this.#buffers.take(id, { andBelow: true });
    const { host, traffic, requestId, limits } = this.#options;
    try {
      if (this.#calls.size >= limits.maxSocketCalls) throw tooManyCalls(limits.maxSocketCalls);
      const fields = readCall(frame, {
        maxDepth: limits.maxDepth,
        buffers: joined(buffers, packed),
      });
      const call = new SocketCall(fields, {
        id,
        host,
        traffic,
        outlet: this.#outlet,
        requestId,
        packs: packed !== undefined,
        maxTextChars: limits.maxBodyBytes,
        onError: (error, { tool, options: { pool } }) => this.#sendError(id, error, { tool, pool }),
        onEnd: () => this.#onEnd(id),
      });
      this.#calls.set(id, call);
      void call.run();
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  /** Sends the error of a call that was not opened, once the client has read enough. */
  #refuse(id: number, error: unknown): void {
    const ready = this.#outlet.ready();
    if (ready === undefined) return this.#sendError(id, error);
    if (this.#refusals === MAX_REFUSALS) throw new Breach(CLOSE.policy, tooManyRefusals());
    this.#refusals += 1;
    void ready.then(() => {
      this.#refusals -= 1;
      this.#sendError(id, error);
    });
  }

  #onEnd(id: number): void {
    this.#calls.delete(id);
    this.#buffers.take(id);
  }

  /**
   * Returns the call with this id; undefined if it has ended.
   *
   * @throws {InvalidInputError} If there was never one.
   */
  #find(id: number): SocketCall | undefined {
    if (id > this.#lastId) {
      throw badFrame("id", `given ${id}, which no call has; send a message of the type call first`);
    }
    return this.#calls.get(id);
  }

  #sendError(id: number | null, error: unknown, called?: Called): void {
    if (called !== undefined) this.#options.onFailure(error, called);
    const { requestId, shown } = this.#options;
    const problem = problemText(problemOf(error, requestId, shown));
    this.#outlet.send(`{"type":"error","id":${id},"problem":${problem}}`);
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.#outlet.send(JSON.stringify(message));
  }

  /** Tells the client what it did wrong, and closes the connection. */
  #breach(error: unknown): void {
    const { code, cause } = error instanceof Breach
      ? error
      : { code: CLOSE.protocol, cause: error };
    this.#sendError(null, cause);
    this.close(code, cause instanceof SnakedenError ? cause.message : "internal error");
  }
}

/** The way in which a text message came. */
interface ReceivedFrame {
  /** The bytes of its message. */
  readonly bytes: number;
  /** The buffers in the same message, if that was a packed one. */
  readonly packed?: readonly Uint8Array[];
}

/** Returns buffers that came in messages of their own, and then those of a packed message. */
function joined(
  single: readonly Uint8Array[],
  packed: readonly Uint8Array[] = [],
): readonly Uint8Array[] {
  return single.length === 0 ? packed : [...single, ...packed];
}

/** A message that ends the connection. */
class Breach extends Error {
  constructor(readonly code: number, override readonly cause: unknown) {
    super("The client broke the protocol");
  }
}

/** Returns a reason that fits into a close message. */
function reasonOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.byteLength <= MAX_REASON_BYTES) return text;
  return new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES - 3), { stream: true });
}

function textTooLong(bytes: number): InvalidInputError {
  return badFrame(
    "",
    `given a text of ${bytes} bytes; allowed: at most ${MAX_TEXT_BYTES}; send bytes and arrays as ` +
      "binary messages, and longer JSON to POST /v1/execute",
  );
}

function binaryTooLong(bytes: number, maxBytes: number): InvalidInputError {
  return badFrame("", `given ${bytes} bytes; allowed: at most ${maxBytes} (limits.maxUploadBytes)`);
}

function tooManyRefusals(): SnakedenError {
  return new SnakedenError(
    "server_busy",
    `Cannot go on: the client reads too little, and sends calls although ${MAX_REFUSALS} of them ` +
      "were refused",
    { retryable: true },
  );
}

function tooManyCalls(maxSocketCalls: number): SnakedenError {
  return new SnakedenError(
    "server_busy",
    `Cannot take the call: ${maxSocketCalls} calls are open on this socket, as many as are ` +
      "allowed (limits.maxSocketCalls)",
    { retryable: true, details: { maxSocketCalls } },
  );
}
