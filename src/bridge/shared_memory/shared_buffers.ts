import { SnakedenError } from "../../errors.ts";
import type { SharedBuffer, Value as WireValue } from "../gen/link.js";
import { TextValue } from "../values/mod.ts";
import type { Slab } from "./slab.ts";

/** The placeholder in a frame for a buffer in shared memory. */
const ELSEWHERE = new Uint8Array(0);

/**
 * Moves the buffers of at least `minBytes` into a slab while it has room, and returns the value to
 * send. A value that has lost a buffer is returned unchanged, because it will not be sent.
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
    ? new TextValue(value.json, value.tagged, buffers, shared)
    : { ...value, buffers, shared };
}

/**
 * Copies the shared buffers of a received value from the slab into the value.
 *
 * @throws {Error} If a place is one that no worker of this version sends, or cannot be read.
 */
export function fetchShared(value: WireValue, slab: Slab): void {
  // Places never overlap, so a larger total is invalid. Without this check a frame could make the
  // host allocate more memory than the slab has.
  const total = value.shared.reduce((sum, { length }) => sum + length, 0);
  if (total > slab.bytes) {
    throw new SnakedenError(
      "invalid_value",
      `Cannot read a value from Python: its shared buffers take ${total} bytes, ` +
        `the shared memory has ${slab.bytes}`,
    );
  }
  for (const { index, offset, length } of value.shared) {
    if (value.buffers[index]?.byteLength !== 0) {
      throw new SnakedenError(
        "invalid_value",
        `Cannot read a value from Python: entry ${index} of ${value.buffers.length} is not a shared buffer`,
      );
    }
    value.buffers[index] = slab.read({ offset, length });
  }
}
