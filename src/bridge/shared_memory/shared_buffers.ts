import { SnakedenError } from "../../errors.ts";
import type { SharedBuffer, Value as WireValue } from "../gen/link.js";
import { TextValue } from "../values/mod.ts";
import type { Slab } from "./slab.ts";

/** Stands in a frame for a buffer that lies in shared memory. */
const ELSEWHERE = new Uint8Array(0);

/**
 * Returns the value as it travels: buffers of `minBytes` and more lie in the slab, as far as the
 * slab has room. A value that has lost a buffer is returned unchanged, and is not sent.
 */
export function placeShared(
  value: WireValue | TextValue,
  slab: Slab,
  minBytes: number,
): WireValue | TextValue {
  if (value instanceof TextValue && !value.isWhole) return value;
  const shared: SharedBuffer[] = [];
  const buffers = value.buffers.map((buffer, index) => {
    if (buffer.byteLength < minBytes) return buffer;
    const offset = slab.write(buffer);
    if (offset === undefined) return buffer;
    shared.push({ index, offset, length: buffer.byteLength });
    return ELSEWHERE;
  });
  return value instanceof TextValue
    ? new TextValue(value.text, value.tagged, buffers, shared)
    : { ...value, buffers, shared };
}

/**
 * Copies the shared buffers of a value that came to where they belong in it.
 *
 * @throws {Error} For a place that no worker of this version sends, or what stood in the way of
 * reading it.
 */
export function fetchShared(value: WireValue, slab: Slab): void {
  // Places never overlap, so that a frame cannot make the host ask for more memory than both share.
  const total = value.shared.reduce((sum, { length }) => sum + length, 0);
  if (total > slab.bytes) {
    throw new SnakedenError(
      "invalid_value",
      `Cannot read a value from Python: ${total} bytes in shared memory of ${slab.bytes}`,
    );
  }
  for (const { index, offset, length } of value.shared) {
    if (value.buffers[index]?.byteLength !== 0) {
      throw new SnakedenError(
        "invalid_value",
        `Cannot read a value from Python: entry ${index} of ${value.buffers.length} is no buffer in shared memory`,
      );
    }
    value.buffers[index] = slab.read({ offset, length });
  }
}
