import { NdArray } from "../../bridge/mod.ts";
import { shownValue } from "../../calls/mod.ts";

/** Returns a short form of a value for an error text. */
export function shown(value: unknown): string {
  if (value instanceof NdArray) return `an array of shape [${value.shape.join(", ")}]`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return `an array of ${(value as Uint8Array).length} numbers`;
  }
  return shownValue(value);
}
