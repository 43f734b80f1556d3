import { isRecord } from "../../json/mod.ts";

/**
 * Limits above which a text is no list of devices, so that garbage does not hold the event loop.
 * The tools print up to 4 KiB for a GPU, and a machine has up to 64 of them.
 */
const MAX_JSON_CHARS = 512 * 1024;
const MAX_ITEMS = 512;
const MAX_DEPTH = 64;

/**
 * Returns the JSON in the output of a tool, which may print warnings around it; undefined if there
 * is none.
 */
export function readJson(text: string): unknown {
  const start = /^[ \t]*[{[]/m.exec(text)?.index ?? -1;
  const end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]"));
  const json = text.slice(start, end + 1);
  return start < 0 || json.length > MAX_JSON_CHARS || isDeep(json) ? undefined : parsed(json);
}

/** Returns true for values inside of too many others, which take long to read. */
function isDeep(json: string): boolean {
  let depth = 0;
  for (const [bracket] of json.matchAll(/[{}[\]]/g)) {
    depth += bracket === "{" || bracket === "[" ? 1 : -1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
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

/**
 * Returns the list that is the value itself, or at one of the keys; null if there is none, or if it
 * is no list of devices.
 */
export function listAt(value: unknown, ...keys: readonly string[]): readonly unknown[] | null {
  const found = [value, ...keys.map((key) => at(value, key))].find(Array.isArray);
  return found === undefined || found.length > MAX_ITEMS ? null : found;
}

/** Returns the parts of an object; null for anything else, or for one that lists no devices. */
export function entriesOf(value: unknown): [string, unknown][] | null {
  if (!isRecord(value)) return null;
  const entries = Object.entries(value);
  return entries.length > MAX_ITEMS ? null : entries;
}

/** Returns the first value that is not null. */
export function firstOf<T>(...values: readonly (T | null)[]): T | null {
  return values.find((it) => it !== null) ?? null;
}
