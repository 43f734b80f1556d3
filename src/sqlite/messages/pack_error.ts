import { InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import type { PackedError } from "./messages.ts";

/** Returns an error in a form that can be sent. */
export function packError(error: unknown): PackedError {
  const message = messageOf(error);
  if (error instanceof InvalidInputError) {
    return { message, code: error.code, issues: error.issues };
  }
  if (!(error instanceof SnakedenError)) return { message };
  const { code, retryable, details } = error;
  return { message, code, retryable, details };
}

/** Returns an error that was sent. */
export function unpackError(packed: PackedError): Error {
  const { message, code, issues, retryable = false, details = {} } = packed;
  if (issues !== undefined) return new InvalidInputError(message, issues);
  if (code === undefined) return new Error(message);
  return new SnakedenError(code as SnakedenError["code"], message, { retryable, details });
}
