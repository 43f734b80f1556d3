import { SnakedenError } from "../../../errors.ts";

/** The details of an error that stays, whatever is tried again: the script itself is wrong. */
export const FINAL = { final: true } as const;

/** Creates the error for an environment of a script that cannot be prepared. */
export function environmentFailed(
  file: string,
  reason: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): SnakedenError {
  return new SnakedenError(
    "environment_failed",
    `Cannot prepare the environment of ${file}: ${reason}`,
    { details: { file, ...details }, cause },
  );
}

/**
 * Creates the error for an environment that cannot be built, from the reason that the builder has
 * given. Returns other errors as they are.
 */
export function environmentFailureOf(file: string, error: unknown): unknown {
  if (!(error instanceof SnakedenError) || error.code !== "python_environment") return error;
  const reason = error.message.replace(/^C(?=annot )/, "c");
  return environmentFailed(file, reason, error.details, error);
}
