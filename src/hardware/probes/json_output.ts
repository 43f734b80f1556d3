import { isRecord } from "../../json/mod.ts";

/**
 * Returns the JSON in the output of a tool, which may print warnings around it; undefined if there
 * is none.
 */
export function readJson(text: string): unknown {
  const start = /^[ \t]*[{[]/m.exec(text)?.index ?? -1;
  const end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"));
  return start < 0 || end < start ? undefined : parsed(text.slice(start, end + 1));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the value at a path of keys; undefined if it leads nowhere. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce(
    (inner, key) => isRecord(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined,
    value,
  );
}

/** Returns the list that is the value itself, or at one of the keys; null if there is none. */
export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] | null {
  const found = [value, ...keys.map((key) => at(value, key))].find(Array.isArray);
  return found ?? null;
}

/** Returns the first value that is not null. */
export function firstOf<T>(...values: readonly (T | null)[]): T | null {
  return values.find((it) => it !== null) ?? null;
}
