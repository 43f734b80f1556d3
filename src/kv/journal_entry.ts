import { z } from "zod";
import { parseJsonBytes } from "../store/mod.ts";
import { MAX_VALUE_BYTES, type Mutation } from "./group_commit.ts";

/** The changes of an entry, without the values: the key, and the length, or null for a removal. */
const indexSchema = z.array(z.tuple([
  z.array(z.union([z.string(), z.number()])),
  z.int().nonnegative().nullable(),
]));

const encoder = new TextEncoder();

/**
 * Encodes changes as one entry of the journal: the length of the index, the index as JSON, and the
 * values. Returns it in parts that fit into KV.
 */
export function encodeEntry(mutations: readonly Mutation[]): Uint8Array[] {
  const index = encoder.encode(JSON.stringify(
    mutations.map((it) => [it.key, it.type === "set" ? it.value.byteLength : null]),
  ));
  let length = 4 + index.byteLength;
  for (const it of mutations) if (it.type === "set") length += it.value.byteLength;
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, index.byteLength);
  bytes.set(index, 4);
  let offset = 4 + index.byteLength;
  for (const it of mutations) {
    if (it.type === "delete") continue;
    bytes.set(it.value, offset);
    offset += it.value.byteLength;
  }
  const parts: Uint8Array[] = [];
  for (let start = 0; start < length; start += MAX_VALUE_BYTES) {
    parts.push(bytes.subarray(start, start + MAX_VALUE_BYTES));
  }
  return parts;
}

/**
 * Decodes an entry of the journal.
 *
 * @throws {Error} If the bytes are not such an entry.
 */
export function decodeEntry(parts: readonly Uint8Array[]): Mutation[] {
  const bytes = new Uint8Array(parts.reduce((sum, it) => sum + it.byteLength, 0));
  let end = 0;
  for (const part of parts) {
    bytes.set(part, end);
    end += part.byteLength;
  }
  if (end < 4) throw new Error("it is too short");
  const indexBytes = new DataView(bytes.buffer).getUint32(0);
  const index = indexSchema.parse(parseJsonBytes(bytes.subarray(4, 4 + indexBytes)));
  let offset = 4 + indexBytes;
  const mutations = index.map(([key, length]): Mutation => {
    if (length === null) return { type: "delete", key };
    const value = bytes.slice(offset, offset + length);
    offset += length;
    return { type: "set", key, value };
  });
  if (offset !== end) throw new Error(`it has ${end} bytes instead of ${offset}`);
  return mutations;
}
