import type { Value } from "../../bridge/mod.ts";

/**
 * The bytes before the payload of a binary message: its kind, three zeros, and the id of its call
 * as a little-endian number. Eight bytes, so that the payload of an array is aligned.
 */
export const HEAD_BYTES = 8;

/** The kinds of binary messages. */
const KINDS = { item: 1, buffer: 2 } as const;

/**
 * The kind of a binary message: `item` is bytes as an item of a stream; `buffer` is a buffer of the
 * next text message of its call.
 */
export type BinaryKind = keyof typeof KINDS;

/** A binary message. */
export interface BinaryFrame {
  readonly kind: BinaryKind;
  /** The id of the call. */
  readonly id: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Returns a binary message as it is sent. */
export function writeBinary(kind: BinaryKind, id: number, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEAD_BYTES + bytes.byteLength);
  message[0] = KINDS[kind];
  new DataView(message.buffer).setUint32(4, id, true);
  message.set(bytes, HEAD_BYTES);
  return message;
}

/** Returns a binary message, whose bytes are not copied; or a text that says what is wrong. */
export function readBinary(message: ArrayBuffer): BinaryFrame | string {
  if (message.byteLength < HEAD_BYTES) {
    return `given ${message.byteLength} bytes; allowed: at least the ${HEAD_BYTES} of its head`;
  }
  const head = new DataView(message, 0, HEAD_BYTES);
  const kind = head.getUint8(0);
  const id = head.getUint32(4, true);
  const bytes = new Uint8Array(message, HEAD_BYTES);
  if (kind === KINDS.item) return { kind: "item", id, bytes };
  if (kind === KINDS.buffer) return { kind: "buffer", id, bytes };
  return `given the kind ${kind}; allowed: ${KINDS.item} (item) or ${KINDS.buffer} (buffer)`;
}

/** The messages that send one value: its buffers, then the text that refers to them. */
export interface ValueFrames {
  readonly buffers: readonly Uint8Array[];
  readonly text: string;
}

/**
 * Returns the messages of a value in the field `field` of a text message. The JSON that Python
 * wrote is passed on unparsed.
 *
 * @param rest The other fields, after `type` and `id`.
 */
export function valueFrames(
  { type, id, field, rest = {} }: {
    readonly type: string;
    readonly id: number;
    readonly field: string;
    readonly rest?: Readonly<Record<string, unknown>>;
  },
  value: Value,
): ValueFrames {
  const { text, buffers } = value.parts;
  const others = JSON.stringify(rest).slice(1);
  const end = others === "}" ? "}" : `,${others}`;
  return {
    buffers: buffers.map((it) => writeBinary("buffer", id, it)),
    text: `{"type":"${type}","id":${id},"${field}":${text}${end}`,
  };
}
