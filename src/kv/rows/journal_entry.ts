import { z } from "zod";
import { messageOf } from "../../errors.ts";
import { MAX_VALUE_BYTES, type Mutation } from "../group_commit.ts";
import { rowBytes, type RowChange } from "./row.ts";

const length = z.int().nonnegative().nullable();

/**
 * The changes of an entry, without the values: the key, the length of the bytes or null for a
 * removal, and the length of the text before them, in UTF-16 units, or null if there is none.
 */
const indexSchema = z.array(z.tuple([
  z.array(z.union([z.string(), z.number()])),
  length,
  length,
]));

/** The length of the index in UTF-16 units, and of the index and all texts in bytes. */
const HEADER_BYTES = 8;
const encoder = new TextEncoder();

/**
 * Encodes changes as one entry of the journal: two lengths, the index as JSON, the texts of all
 * rows, and the bytes of all rows. Returns it in parts that fit into KV.
 */
export function encodeEntry(changes: readonly RowChange[]): Uint8Array[] {
  const values = changes.flatMap((it) => it.type === "delete" ? [] : [it.value]);
  const index = JSON.stringify(changes.map((it) => {
    if (it.type === "delete") return [it.key, null, null];
    if (it.value instanceof Uint8Array) return [it.key, it.value.byteLength, null];
    return [it.key, it.value.body.byteLength, it.value.text.length];
  }));
  const texts = values.map((it) => it instanceof Uint8Array ? "" : it.text);
  const bodies = values.map((it) => it instanceof Uint8Array ? it : it.body);
  const text = encoder.encode(index + texts.join(""));
  const start = HEADER_BYTES + text.byteLength;
  const bytes = new Uint8Array(bodies.reduce((sum, it) => sum + it.byteLength, start));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, index.length);
  view.setUint32(4, text.byteLength);
  bytes.set(text, HEADER_BYTES);
  let offset = start;
  for (const body of bodies) {
    bytes.set(body, offset);
    offset += body.byteLength;
  }
  const parts: Uint8Array[] = [];
  for (let part = 0; part < bytes.byteLength; part += MAX_VALUE_BYTES) {
    parts.push(bytes.subarray(part, part + MAX_VALUE_BYTES));
  }
  return parts;
}

/**
 * Decodes an entry of the journal.
 *
 * @throws {Error} If the bytes are not such an entry.
 */
export function decodeEntry(parts: readonly Uint8Array[]): Mutation[] {
  const bytes = joined(parts);
  if (bytes.byteLength < HEADER_BYTES) throw new Error("it is too short");
  const view = new DataView(bytes.buffer);
  const [indexUnits, textBytes] = [view.getUint32(0), view.getUint32(4)];
  let offset = HEADER_BYTES + textBytes;
  if (offset > bytes.byteLength) throw new Error("a part of it is missing");
  const { index, text } = decodeText(bytes.subarray(HEADER_BYTES, offset), indexUnits);
  let units = 0;
  const mutations = index.map(([key, byteLength, textUnits]): Mutation => {
    if (byteLength === null) return { type: "delete", key };
    const body = bytes.slice(offset, offset + byteLength);
    offset += byteLength;
    if (textUnits === null) return { type: "set", key, value: body };
    const value = rowBytes(text.slice(units, units + textUnits), body);
    units += textUnits;
    return { type: "set", key, value };
  });
  if (offset !== bytes.byteLength || units !== text.length) {
    throw new Error("its parts do not have the lengths of its index");
  }
  return mutations;
}

function decodeText(
  bytes: Uint8Array,
  indexUnits: number,
): { readonly index: z.output<typeof indexSchema>; readonly text: string } {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const index = indexSchema.parse(JSON.parse(text.slice(0, indexUnits)));
    return { index, text: text.slice(indexUnits) };
  } catch (error) {
    throw new Error(`its index cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, it) => sum + it.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.byteLength;
  }
  return bytes;
}
