import { recordText, type RecordType } from "../../store/mod.ts";

/**
 * A row as it is in memory: a record, and a body. It becomes bytes only when it is committed, since
 * one encoding of many rows is many times faster than one for each.
 */
export class Row<T extends object = object> {
  /** The record, which nobody changes. */
  readonly head: T;
  /** The record with its kind and version, as JSON, which has no line break. */
  readonly text: string;
  readonly body: Uint8Array;

  constructor(type: RecordType<T>, head: T, body: Uint8Array = NO_BODY) {
    this.head = head;
    this.text = recordText(type, head);
    this.body = body;
  }
}

/** The value of a row. What was read from KV is bytes. */
export type RowValue = Uint8Array | Row;

/** A change of a row. */
export type RowChange =
  | { readonly type: "set"; readonly key: Deno.KvKey; readonly value: RowValue }
  | { readonly type: "delete"; readonly key: Deno.KvKey };

/** The body of a row that has none. */
export const NO_BODY: Uint8Array<ArrayBuffer> = new Uint8Array();

const NEWLINE = 10;
const encoder = new TextEncoder();

/** Returns the bytes of a row as they are in KV. */
export function bytesOf(value: RowValue): Uint8Array {
  return value instanceof Uint8Array ? value : rowBytes(value.text, value.body);
}

/** Returns the bytes of a row: its text, a line break, and its body. */
export function rowBytes(text: string, body: Uint8Array): Uint8Array {
  const head = encoder.encode(text);
  const bytes = new Uint8Array(head.byteLength + 1 + body.byteLength);
  bytes.set(head);
  bytes[head.byteLength] = NEWLINE;
  bytes.set(body, head.byteLength + 1);
  return bytes;
}

/** Returns the most bytes that {@link bytesOf} can return. */
export function maxBytesOf(value: RowValue): number {
  if (value instanceof Uint8Array) return value.byteLength;
  // A UTF-16 unit takes up to three bytes.
  return 3 * value.text.length + 1 + value.body.byteLength;
}

/**
 * Returns the two parts of the bytes of a row.
 *
 * @throws {Error} If there is no line break.
 */
export function partsOf(
  bytes: Uint8Array,
): { readonly text: Uint8Array; readonly body: Uint8Array } {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) throw new Error("it has no head");
  return { text: bytes.subarray(0, end), body: bytes.subarray(end + 1) };
}
