/**
 * Byte strings of many items, joined: a message between threads with one buffer is several times
 * cheaper than one with many. `ends` has the end of each in `bytes`.
 */
export interface PackedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ends: readonly number[];
}

/** Joins byte strings. An absent one is empty. */
export function packBytes(parts: readonly (Uint8Array | undefined)[]): PackedBytes {
  const ends: number[] = [];
  let length = 0;
  for (const it of parts) ends.push(length += it?.byteLength ?? 0);
  const bytes = new Uint8Array(length);
  for (const [i, it] of parts.entries()) {
    if (it !== undefined && it.byteLength > 0) bytes.set(it, (ends[i] ?? 0) - it.byteLength);
  }
  return { bytes, ends };
}

/** Returns views of the byte strings that were joined. */
export function byteParts({ bytes, ends }: PackedBytes): Uint8Array<ArrayBuffer>[] {
  let start = 0;
  return ends.map((end) => {
    const part = bytes.subarray(start, end);
    start = end;
    return part;
  });
}
