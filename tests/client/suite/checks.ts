/**
 * Assertions without a runtime: the suite also runs in a page of a browser. They know the values of
 * Snakeden, and compare classes by name.
 */

/** A case that does not hold. */
export class CheckError extends Error {
  override readonly name = "CheckError";
}

/** Fails unless two values are equal in depth, with the names of their classes, NaN and -0. */
export function equal(actual: unknown, expected: unknown, what = "the value"): void {
  const [a, b] = [shown(actual), shown(expected)];
  if (a !== b) throw new CheckError(`${what} is ${a.slice(0, 500)}, not ${b.slice(0, 500)}`);
}

/** Fails unless the value is true. */
export function holds(value: boolean, what: string): void {
  if (!value) throw new CheckError(`not true: ${what}`);
}

/** Runs `work`, which must fail, and returns what it throws. */
export async function failure(work: () => unknown): Promise<Record<string, unknown>> {
  try {
    await work();
  } catch (error) {
    return error as Record<string, unknown>;
  }
  throw new CheckError("nothing was thrown");
}

/** Returns all that a stream yields. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function shown(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`;
  const name = value.constructor?.name ?? "Object";
  if (ArrayBuffer.isView(value)) return `${name}(${Array.from(value as Uint8Array, shown)})`;
  if (value instanceof Map) return `Map(${shown([...value])})`;
  const fields = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  const list = fields.filter(([, it]) => it !== undefined).map(([key, it]) =>
    `${key}: ${shown(it)}`
  );
  return `${name === "Object" ? "" : name}{${list.join(", ")}}`;
}
