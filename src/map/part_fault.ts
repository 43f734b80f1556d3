import { SnakedenError } from "../errors.ts";

/**
 * Returns the index of the item that ran when a bulk call failed, among the items of that call;
 * undefined if none did.
 */
export function ranItem(error: unknown): number | undefined {
  const item = error instanceof SnakedenError ? error.details["item"] : undefined;
  return typeof item === "number" ? item : undefined;
}

/** Returns an error without the facts about its bulk call, which say nothing about an item. */
export function withoutPlaces<T>(error: T): T {
  if (error instanceof SnakedenError) error.addDetails({ item: undefined, outcomes: undefined });
  return error;
}
