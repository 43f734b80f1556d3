import { Value } from "../../bridge/mod.ts";

/**
 * A value inside of another one: its JSON as a text, so that nobody in between changes how Python
 * wrote it, and its buffers if it has tags.
 */
export interface Packed {
  readonly json: string;
  readonly buffers?: readonly Uint8Array[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Packs a value for a tool. */
export function pack(value: Value): Packed {
  const { json, tagged, buffers } = value.wire;
  const text = decoder.decode(json);
  return tagged ? { json: text, buffers } : { json: text };
}

/** Returns the value that a tool has packed; undefined for anything else. */
export function unpack(packed: unknown): Value | undefined {
  const { json, buffers } = (packed ?? {}) as Record<string, unknown>;
  if (typeof json !== "string") return undefined;
  if (buffers === undefined) return new Value({ json: encoder.encode(json), tagged: false });
  if (!Array.isArray(buffers) || !buffers.every((it) => it instanceof Uint8Array)) return undefined;
  return new Value({ json: encoder.encode(json), tagged: true, buffers });
}
