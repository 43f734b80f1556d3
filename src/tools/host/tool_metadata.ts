import { isRecord } from "../../json/mod.ts";
import type { InvalidField } from "./invalid_tool.ts";

/** The most keys of the metadata of a tool. */
export const MAX_METADATA_KEYS = 32;
/** The most bytes of the metadata of a tool, as JSON. */
export const MAX_METADATA_BYTES = 4_096;
/** The deepest nesting of metadata. */
const MAX_DEPTH = 16;

/** Returns the problem with the metadata of a tool; undefined if there is none. */
export function metadataProblem(metadata: unknown): InvalidField | undefined {
  const field = "metadata";
  if (!isRecord(metadata)) {
    const message = `given ${typeName(metadata)}; allowed: an object of JSON values`;
    return { field, reason: "invalid_type", message };
  }
  const { length } = Object.keys(metadata);
  if (length > MAX_METADATA_KEYS) {
    const message = `given ${length} keys; allowed: at most ${MAX_METADATA_KEYS}`;
    return { field, reason: "too_many_entries", message };
  }
  const wrong = unsupported(metadata, field, 0);
  if (wrong !== undefined) return wrong;
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).byteLength;
  if (bytes <= MAX_METADATA_BYTES) return undefined;
  const message = `given ${bytes} bytes of JSON; allowed: at most ${MAX_METADATA_BYTES}`;
  return { field, reason: "too_large", message };
}

/** Returns the first value that JSON has no form for. */
function unsupported(value: unknown, path: string, depth: number): InvalidField | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return undefined;
  if (depth < MAX_DEPTH) {
    const entries = Array.isArray(value)
      ? value.map((it: unknown, i) => [`${path}[${i}]`, it] as const)
      : isPlainObject(value)
      ? Object.entries(value).map(([key, it]) => [`${path}.${key}`, it] as const)
      : undefined;
    if (entries !== undefined) {
      for (const [inner, it] of entries) {
        const wrong = unsupported(it, inner, depth + 1);
        if (wrong !== undefined) return wrong;
      }
      return undefined;
    }
  }
  return {
    field: path,
    reason: "unsupported_type",
    message: `given ${typeName(value)}; allowed: texts, finite numbers, booleans, null, and ` +
      `lists and objects of these, at most ${MAX_DEPTH} levels deep`,
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns the name of the type of a value, such as `a number` or `a Date`. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  const name = typeof value === "object"
    ? value.constructor?.name ?? "object without a class"
    : typeof value;
  return `${/^[aeiou]/i.test(name) ? "an" : "a"} ${name}`;
}
