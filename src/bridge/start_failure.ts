import { type FieldIssue, SnakedenError } from "../errors.ts";
import type { Error as WireError } from "./gen/link.js";

/**
 * The length of the end of a traceback that an error text shows, in characters. `details.python`
 * has all of it.
 */
const SHOWN_TRACEBACK = 2_000;

/** Returns the error for an adapter that cannot be served, with the end of its traceback. */
export function startFailure({ message, python, issues }: WireError): SnakedenError {
  const fields: readonly FieldIssue[] = issues;
  const traceback = lastLines(python?.traceback ?? "");
  return new SnakedenError("worker_start_failed", message, {
    output: traceback.map((it) => `\n${it}`).join(""),
    details: {
      ...(python ? { python } : {}),
      ...(fields.length > 0 ? { issues: fields } : {}),
    },
  });
}

/**
 * Returns the last lines of a text, whole, so that a source line stays with the file and line
 * number above it.
 */
function lastLines(text: string): string[] {
  const lines = text.trimEnd().split("\n").filter((it) => it !== "");
  let length = 0;
  const from = lines.findLastIndex((it) => (length += it.length + 1) > SHOWN_TRACEBACK) + 1;
  if (from === 0) return lines;
  if (from === lines.length) return [(lines.at(-1) ?? "").slice(-SHOWN_TRACEBACK)];
  return [`  ... ${from} lines left out ...`, ...lines.slice(from)];
}
