import type { Value } from "../../bridge/mod.ts";

/**
 * The bytes before the payload of a binary message: its kind, three zeros, and the id of its call
 * as a little-endian number. Eight bytes, so that the payload of an array is aligned.
 */
export const HEAD_BYTES = 8;

/** The kinds of binary messages. */
const KINDS = { item: 1, buffer: 2, packed: 3 } as const;

/**
 * The kind of a binary message: `item` is bytes as an item of a stream; `buffer` is a buffer of the
 * next text message of its call; `packed` is a text message together with its buffers.
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
  writeHead(new DataView(message.buffer), kind, id);
  message.set(bytes, HEAD_BYTES);
  return message;
}

/** Writes the head of a binary message. */
export function writeHead(message: DataView, kind: BinaryKind, id: number): void {
  message.setUint8(0, KINDS[kind]);
  message.setUint32(4, id, true);
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
  if (kind === KINDS.packed) return { kind: "packed", id, bytes };
  const allowed = Object.entries(KINDS).map(([name, number]) => `${number} (${name})`);
  return `given the kind ${kind}; allowed: ${allowed.join(", ")}`;
}

/** A text message and the buffers that it refers to. */
export interface TextWithBuffers {
  readonly text: string;
  readonly buffers: readonly Uint8Array[];
}

/**
 * Returns the text message of a value in its field `field`, and the buffers of the value. The JSON
 * that Python wrote is passed on unparsed.
 *
 * @param rest The other fields, after `type` and `id`.
 */
export function valueText(
  { type, id, field, rest = {} }: {
    readonly type: string;
    readonly id: number;
    readonly field: string;
    readonly rest?: Readonly<Record<string, unknown>>;
  },
  value: Value,
): TextWithBuffers {
  const { text, buffers } = value.parts;
  const others = JSON.stringify(rest).slice(1);
  const end = others === "}" ? "}" : `,${others}`;
  return {
    buffers,
    text: `{"type":"${type}","id":${id},"${field}":${text}${end}`,
  };
}
