import type { ErrorCode, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { typedError } from "../../typed_error.ts";

/** A problem document (RFC 9457) as a host sends it. Its fields are unchecked. */
export interface ReceivedProblem {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryable?: unknown;
  readonly requestId?: unknown;
  readonly details?: unknown;
  readonly errors?: unknown;
  readonly python?: unknown;
}

/** Returns true for a problem document of a host. */
export function isProblem(body: unknown): body is ReceivedProblem {
  return isRecord(body) && typeof body.code === "string" && typeof body.detail === "string";
}

/** Returns the error that a problem document describes, of the class that the library throws. */
export function problemError(problem: ReceivedProblem): SnakedenError {
  const error = errorOf(problem);
  if (typeof problem.requestId === "string") error.requestId = problem.requestId;
  return error;
}

function errorOf(problem: ReceivedProblem): SnakedenError {
  const { code, detail, retryable, details, errors, python } = problem;
  return typedError({
    code,
    message: detail,
    retryable: retryable === true,
    details: isRecord(details) ? details : {},
    issues: errors,
    python,
  });
}
