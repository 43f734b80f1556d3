import { SnakedenError } from "../errors.ts";

/** Options of {@link showCaller}. */
export interface ShowCallerOptions {
  /** The function that catches the error: the stack begins with its caller. */
  readonly below: (...args: never[]) => unknown;
  /** The signal of the call. The reason of an abort is an error of the program, and is kept. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives an error the stack of the program that waits for it. Most errors of calls are created when
 * a message of a worker is read, so their own stacks name no line of the program. To be called in
 * the `catch` of an async function: a call that succeeds pays nothing.
 */
export function showCaller(error: unknown, { below, signal }: ShowCallerOptions): void {
  // Deno prints the frames that were captured for an error, and ignores an assigned text.
  if (error instanceof SnakedenError && error !== signal?.reason) {
    Error.captureStackTrace(error, below);
  }
}
