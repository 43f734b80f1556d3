import {
  type AnswerInit,
  type CallInit,
  type HostMessageInit,
  snakeden,
  type ValueInit,
} from "../gen/link.js";
import { TextValue } from "../values/mod.ts";

const { HostMessage: hostMessage } = snakeden.v1;

const encoder = new TextEncoder();

/** A call to send, whose arguments may still be text. */
export interface OutgoingCall extends Omit<CallInit, "args"> {
  readonly args: ValueInit | TextValue;
}

/** An answer to send, whose value may still be text. */
export interface OutgoingAnswer extends Omit<AnswerInit, "value"> {
  readonly value?: ValueInit | TextValue;
}

/** A message to a worker. */
export type OutgoingMessage =
  | { readonly call: OutgoingCall }
  | { readonly answer: OutgoingAnswer }
  | Omit<HostMessageInit, "call" | "answer">;

/** Returns true for a message with a call. */
export function isCall(message: OutgoingMessage): message is { readonly call: OutgoingCall } {
  return "call" in message;
}

/** Returns true for a message with an answer. */
export function isAnswer(message: OutgoingMessage): message is { readonly answer: OutgoingAnswer } {
  return "answer" in message;
}

/**
 * The size of the length in front of each frame. The length is little-endian and does not count
 * itself. Twin of socket_link.py.
 */
export const HEADER_BYTES = 4;
/** The size of the memory that is kept between frames. */
const KEPT_BYTES = 1 << 17;
/** The size of a length that is filled in later: a varint padded with zero groups. */
const LENGTH_BYTES = 5;
/**
 * ASCII texts up to this length are copied in a loop, which is faster than a call into the runtime.
 */
const SHORT_TEXT = 128;
/** The most bytes that one UTF-16 unit takes in UTF-8. */
const MAX_CHARACTER_BYTES = 3;
/** An upper bound for the tags and numbers of one call, in bytes. */
const CALL_OVERHEAD_BYTES = 128;

/**
 * The keys of the fields: field number and wire type (0 varint, 1 eight bytes, 2 length and bytes).
 */
const KEY = {
  frame: { messages: 0x0a },
  message: { call: 0x1a, answer: 0x52 },
  call: {
    id: 0x08,
    tool: 0x12,
    args: 0x1a,
    timeoutMs: 0x21,
    stream: 0x28,
    windowBytes: 0x30,
    sessionId: 0x3a,
    requestId: 0x42,
    number: 0x48,
    arrays: 0x50,
    bulk: 0x58,
    taggedItems: 0x62,
    itemBuffers: 0x6a,
    keepsOutput: 0x70,
  },
  answer: { id: 0x08, value: 0x12 },
  value: { json: 0x0a, tagged: 0x10, buffers: 0x1a, shared: 0x22 },
  shared: { index: 0x08, offset: 0x10, length: 0x18 },
} as const;

/**
 * Writes host frames (proto/snakeden/v1/link.proto), each after its length, and reuses its memory.
 * Nearly all messages are calls and answers, so these are written by hand, without an object for
 * each field or a byte array for each text. Everything else goes through the generated codec. The
 * encoding is protobuf's (https://protobuf.dev/programming-guides/encoding).
 */
export class FrameWriter {
  #bytes = new Uint8Array(KEPT_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /**
   * Returns a frame, preceded by its length in {@link HEADER_BYTES}. The bytes are valid until the
   * next call of this function.
   */
  write(messages: readonly OutgoingMessage[]): Uint8Array {
    if (this.#bytes.byteLength > KEPT_BYTES) this.#use(new Uint8Array(KEPT_BYTES));
    this.#at = HEADER_BYTES;
    for (const message of messages) {
      if (isCall(message)) this.#callMessage(message.call);
      else if (isAnswer(message)) this.#answerMessage(message.answer);
      else this.#field(KEY.frame.messages, hostMessage.encode(message).finish());
    }
    this.#view.setUint32(0, this.#at - HEADER_BYTES, true);
    return this.#bytes.subarray(0, this.#at);
  }

  #callMessage(call: OutgoingCall): void {
    this.#reserve(CALL_OVERHEAD_BYTES);
    const message = this.#open(KEY.frame.messages);
    const body = this.#open(KEY.message.call);
    this.#number(KEY.call.id, call.id ?? 0);
    this.#text(KEY.call.tool, call.tool ?? "");
    this.#value(KEY.call.args, call.args);
    this.#double(KEY.call.timeoutMs, call.timeoutMs ?? 0);
    this.#number(KEY.call.stream, call.stream ? 1 : 0);
    this.#number(KEY.call.windowBytes, call.windowBytes ?? 0);
    this.#text(KEY.call.sessionId, call.sessionId ?? "");
    this.#text(KEY.call.requestId, call.requestId ?? "");
    this.#number(KEY.call.number, call.number ?? 0);
    this.#number(KEY.call.arrays, call.arrays ?? 0);
    if (call.bulk) {
      this.#number(KEY.call.bulk, 1);
      this.#numbers(KEY.call.taggedItems, call.taggedItems ?? []);
      this.#numbers(KEY.call.itemBuffers, call.itemBuffers ?? []);
    }
    this.#number(KEY.call.keepsOutput, call.keepsOutput ? 1 : 0);
    this.#close(body);
    this.#close(message);
  }

  #answerMessage({ id, value, error = null }: OutgoingAnswer): void {
    if (value === undefined) {
      return this.#field(
        KEY.frame.messages,
        hostMessage.encode({ answer: { id: id ?? 0, error } }).finish(),
      );
    }
    this.#reserve(CALL_OVERHEAD_BYTES);
    const message = this.#open(KEY.frame.messages);
    const body = this.#open(KEY.message.answer);
    this.#number(KEY.answer.id, id ?? 0);
    this.#value(KEY.answer.value, value);
    this.#close(body);
    this.#close(message);
  }

  #value(key: number, value: ValueInit | TextValue): void {
    const start = this.#open(key);
    if (value instanceof TextValue) this.#json(KEY.value.json, value);
    else if (value.json) this.#field(KEY.value.json, value.json);
    this.#number(KEY.value.tagged, value.tagged ? 1 : 0);
    for (const buffer of value.buffers ?? []) this.#field(KEY.value.buffers, buffer);
    for (const place of value.shared ?? []) {
      this.#reserve(CALL_OVERHEAD_BYTES);
      const shared = this.#open(KEY.value.shared);
      this.#number(KEY.shared.index, place.index ?? 0);
      this.#number(KEY.shared.offset, place.offset ?? 0);
      this.#number(KEY.shared.length, place.length ?? 0);
      this.#close(shared);
    }
    this.#reserve(CALL_OVERHEAD_BYTES);
    this.#close(start);
  }

  /** Begins a part, and returns its position for `#close`, which fills in its length. */
  #open(key: number): number {
    this.#bytes[this.#at] = key;
    return this.#at += 1 + LENGTH_BYTES;
  }

  #close(start: number): void {
    let length = this.#at - start;
    for (let at = start - LENGTH_BYTES; at < start - 1; at++) {
      this.#bytes[at] = (length & 0x7f) | 0x80;
      length >>>= 7;
    }
    this.#bytes[start - 1] = length;
  }

  /** Writes a number, unless it is 0. */
  #number(key: number, value: number): void {
    if (value === 0) return;
    this.#bytes[this.#at++] = key;
    this.#varint(value);
  }

  /** Writes a list of numbers, unless it is empty. */
  #numbers(key: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#reserve(values.length * LENGTH_BYTES + CALL_OVERHEAD_BYTES);
    const start = this.#open(key);
    for (const value of values) this.#varint(value);
    this.#close(start);
  }

  #varint(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #double(key: number, value: number): void {
    if (value === 0) return;
    this.#bytes[this.#at++] = key;
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  /** Writes a text, unless it is empty. */
  #text(key: number, text: string): void {
    if (text === "") return;
    this.#reserve(text.length * MAX_CHARACTER_BYTES + CALL_OVERHEAD_BYTES);
    if (text.length <= SHORT_TEXT && this.#shortText(key, text)) return;
    const start = this.#open(key);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(start)).written;
    this.#close(start);
  }

  /** Writes the JSON of a value, which may be in pieces. */
  #json(key: number, { json, length }: TextValue): void {
    if (typeof json === "string") return this.#text(key, json);
    this.#reserve(length * MAX_CHARACTER_BYTES + CALL_OVERHEAD_BYTES);
    const start = this.#open(key);
    for (const piece of json) {
      if (piece.length <= SHORT_TEXT && this.#ascii(piece)) continue;
      this.#at += encoder.encodeInto(piece, this.#bytes.subarray(this.#at)).written;
    }
    this.#close(start);
  }

  /** Writes an ASCII text. Returns false, and writes nothing, if the text is not ASCII. */
  #shortText(key: number, text: string): boolean {
    const { length } = text;
    const start = this.#at;
    this.#bytes[this.#at++] = key;
    this.#varint(length);
    if (this.#ascii(text)) return true;
    this.#at = start;
    return false;
  }

  /** Copies an ASCII text. Returns false, and writes nothing, if the text is not ASCII. */
  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    const { length } = text;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.#at = at;
    return true;
  }

  /** Writes bytes after their length. */
  #field(key: number, bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength + CALL_OVERHEAD_BYTES);
    this.#bytes[this.#at++] = key;
    this.#varint(bytes.byteLength);
    // An empty buffer may have been transferred. Reading from one throws.
    if (bytes.byteLength > 0) this.#bytes.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  /** Makes room for `count` more bytes. */
  #reserve(count: number): void {
    const needed = this.#at + count;
    if (needed <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.byteLength));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#use(larger);
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
