import type { Value } from "../bridge/mod.ts";
import type { SnakedenError } from "../errors.ts";

/** An item as it is sent: JSON text or an encoded value; or the error for which it cannot be. */
export type MapItem = string | Value | SnakedenError;

/** Returns about the bytes that an item takes in memory. */
export function weightOf(item: MapItem): number {
  if (typeof item === "string") return item.length + ITEM_OVERHEAD;
  return ITEM_OVERHEAD + ("weight" in item ? item.weight : item.message.length);
}

const ITEM_OVERHEAD = 100;
