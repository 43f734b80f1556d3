import { HEAD_BYTES, type TextWithBuffers, writeHead } from "./frames.ts";

/** The most buffers of a packed message. */
export const MAX_PACKED_BUFFERS = 64;
/** Buffers and text begin at a multiple of this number of bytes, so that arrays are aligned. */
const ALIGNMENT = 8;
const COUNT_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns a text message and its buffers as one binary message: the head, the number of buffers,
 * the length of each, the buffers, and the text up to the end.
 */
export function writePacked(id: number, { text, buffers }: TextWithBuffers): Uint8Array {
  const json = encoder.encode(text);
  const begin = aligned(HEAD_BYTES + COUNT_BYTES * (1 + buffers.length));
  const bytes = buffers.reduce((sum, it) => sum + aligned(it.byteLength), begin);
  const message = new Uint8Array(bytes + json.byteLength);
  const view = new DataView(message.buffer);
  writeHead(view, "packed", id);
  view.setUint32(HEAD_BYTES, buffers.length, true);
  let at = begin;
  for (const [i, buffer] of buffers.entries()) {
    view.setUint32(HEAD_BYTES + COUNT_BYTES * (1 + i), buffer.byteLength, true);
    message.set(buffer, at);
    at += aligned(buffer.byteLength);
  }
  message.set(json, at);
  return message;
}

/** The parts of a packed message. */
export interface Packed {
  /** Its text in UTF-8. */
  readonly text: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

/**
 * Reads the payload of a packed message, none of which is copied; or returns a text that says what
 * is wrong.
 */
export function readPacked(payload: Uint8Array<ArrayBuffer>): Packed | string {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.byteLength < COUNT_BYTES) return "the number of buffers is missing";
  const count = view.getUint32(0, true);
  if (count > MAX_PACKED_BUFFERS) {
    return `given ${count} buffers; allowed: at most ${MAX_PACKED_BUFFERS}`;
  }
  let at = aligned(HEAD_BYTES + COUNT_BYTES * (1 + count)) - HEAD_BYTES;
  if (at > payload.byteLength) return `the lengths of ${count} buffers are missing`;
  const buffers: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(COUNT_BYTES * (1 + i), true);
    if (at + length > payload.byteLength) {
      return `buffer ${i}: given the length ${length}, but ${payload.byteLength - at} bytes follow`;
    }
    buffers.push(payload.subarray(at, at + length));
    at = Math.min(aligned(at + length), payload.byteLength);
  }
  return { text: payload.subarray(at), buffers };
}

/** Returns text in UTF-8, or undefined if it is not. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
