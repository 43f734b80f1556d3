import { isIterable } from "../../async/mod.ts";
import type { Args, MapOptions, MapOutcome } from "../../client/mod.ts";
import { type FieldIssue, SnakedenError } from "../../errors.ts";

/** As in the library; a test compares them. */
const MAX = { batchSize: 10_000, window: 1_000 } as const;

/** Runs items one after the other with `run`, and yields what came of each. */
export async function* outcomesOf(
  items: Iterable<Args> | AsyncIterable<Args>,
  run: (item: Args) => Promise<unknown>,
): AsyncGenerator<MapOutcome, void, undefined> {
  let index = 0;
  for await (const item of items) yield await outcomeAt(index++, () => run(item));
}

async function outcomeAt(index: number, run: () => Promise<unknown>): Promise<MapOutcome> {
  try {
    return { index, result: await run() };
  } catch (error) {
    if (error instanceof SnakedenError) return { index, error };
    throw error;
  }
}

/** Returns what is wrong with a map. The options of its calls are not looked at. */
export function mapIssues(items: unknown, options: MapOptions): FieldIssue[] {
  const issues: FieldIssue[] = [];
  if (!isIterable(items)) {
    const message = "allowed: an iterable or async iterable of objects of arguments";
    issues.push({ path: "items", message });
  }
  for (const path of ["batchSize", "window"] as const) {
    const given = options[path];
    if (given === undefined || (Number.isInteger(given) && given >= 1 && given <= MAX[path])) {
      continue;
    }
    const message = `given ${given}; allowed: a whole number from 1 to ${MAX[path]}`;
    issues.push({ path, message });
  }
  const { ordered = true, onError = "throw" } = options;
  if (typeof ordered !== "boolean") {
    const message = `given ${JSON.stringify(ordered)}; allowed: true or false`;
    issues.push({ path: "ordered", message });
  }
  if (Reflect.has(options, "onProgress")) {
    issues.push({ path: "onProgress", message: "a map has no progress; count what it yields" });
  }
  if (onError !== "throw" && onError !== "yield") {
    const message = `given ${JSON.stringify(onError)}; allowed: throw or yield`;
    issues.push({ path: "onError", message });
  }
  return issues;
}
