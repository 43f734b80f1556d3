import { InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import type { PackedError } from "./messages.ts";

/** Returns an error in a form that can be sent. */
export function packError(error: unknown): PackedError {
  const message = messageOf(error);
  if (error instanceof InvalidInputError) {
    return { message, code: error.code, issues: error.issues };
  }
  return error instanceof SnakedenError ? { message, code: error.code } : { message };
}

/** Returns an error that was sent. */
export function unpackError({ message, code, issues }: PackedError): Error {
  if (issues !== undefined) return new InvalidInputError(message, issues);
  if (code === undefined) return new Error(message);
  return new SnakedenError(code as SnakedenError["code"], message);
}
