import { NdArray } from "../../../bridge/mod.ts";

/** The size of a value that is not text and has no parts. */
const LEAF_BYTES = 2;
/** The depth below which parts are not counted: no value may be nested so deep. */
const MAX_DEPTH = 1_000;

/**
 * Estimates the bytes of a value on the link. Ends early once they are more than `limit`, so that a
 * value that is far too large is refused before anybody writes it.
 */
export function sizeOf(value: unknown, limit: number): number {
  return add(value, 0, limit, 0);
}

function add(value: unknown, bytes: number, limit: number, depth: number): number {
  if (typeof value === "string") return bytes + LEAF_BYTES + value.length;
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return bytes + LEAF_BYTES;
  if (value instanceof NdArray) return bytes + value.data.byteLength;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytes + value.byteLength;
  let sum = bytes + LEAF_BYTES;
  if (Array.isArray(value) || value instanceof Set) {
    for (const item of value) {
      sum = add(item, sum, limit, depth + 1);
      if (sum > limit) break;
    }
    return sum;
  }
  if (value instanceof Map) {
    for (const [key, item] of value) {
      sum = add(item, add(key, sum, limit, depth + 1), limit, depth + 1);
      if (sum > limit) break;
    }
    return sum;
  }
  for (const key in value) {
    sum = add((value as Record<string, unknown>)[key], sum + key.length, limit, depth + 1);
    if (sum > limit) break;
  }
  return sum;
}
