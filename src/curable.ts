import type { ErrorCode } from "./errors.ts";

/** Errors that no further attempt can cure, since it would have the same arguments. */
const INCURABLE: ReadonlySet<string> = new Set<ErrorCode>([
  "invalid_input",
  "invalid_arguments",
  "invalid_value",
  "invalid_variable",
  "invalid_tool",
  "body_too_large",
  "result_too_large",
  "unknown_tool",
  "unknown_pool",
  "unknown_session",
  "unknown_variable",
  "unknown_program",
  "unknown_file",
  "file_too_large",
  "not_implemented",
  // The job has ended several workers, and would end more.
  "poison_call",
]);

/**
 * Returns true if a job that has failed with this error may succeed with another attempt. What a
 * script needs may be missing for a while, or be wrong in its own text, which `details.final` says.
 */
export function isCurable(
  { code, details }: {
    readonly code: string;
    readonly details?: Readonly<Record<string, unknown>>;
  },
): boolean {
  return !INCURABLE.has(code) && !(code === "environment_failed" && details?.["final"] === true);
}
