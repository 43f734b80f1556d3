import { SnakedenError } from "./errors.ts";

/** A function between the program and an error. */
export type StackedFunction = (...args: never[]) => unknown;

/** Options of {@link showCaller}. */
export interface ShowCallerOptions {
  /** The function that catches the error: the stack begins with its caller. */
  readonly below: StackedFunction;
  /**
   * The function that the program has called, if it passes calls on to `below`. It is on the stack
   * only until `below` waits for something.
   */
  readonly entrance?: StackedFunction;
  /** The signal of the call. The reason of an abort is an error of the program, and is kept. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives an error the stack of the program that waits for it. Most errors of calls are created when
 * a message of a worker is read, so their own stacks name no line of the program. To be called in
 * the `catch` of an async function: a call that succeeds pays nothing.
 */
export function showCaller(
  error: unknown,
  { below, entrance = below, signal }: ShowCallerOptions,
): void {
  // Deno prints the frames that were captured for an error, and ignores an assigned text.
  if (!(error instanceof SnakedenError) || error === signal?.reason) return;
  // A host tool may throw an error that was frozen.
  if (!Object.isExtensible(error)) return;
  Error.captureStackTrace(error, entrance !== below && isOnStack(entrance) ? entrance : below);
}

/** Returns true if a function is running and has not waited for anything. */
function isOnStack(it: StackedFunction): boolean {
  const probe: { stack?: string } = {};
  // Leaves out all frames if the function is not there.
  Error.captureStackTrace(probe, it);
  return probe.stack?.includes("\n") ?? false;
}
