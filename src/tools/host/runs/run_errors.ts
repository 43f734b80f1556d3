import { DeadlineExceededError, messageOf, SnakedenError, stackOf } from "../../../errors.ts";
import { getLogger } from "../../../log.ts";

/**
 * Returns the error that the caller of a host tool gets for anything that the tool threw. One that
 * is not expected also goes to the log, with its stack.
 */
export function failureOf(tool: string, error: unknown): SnakedenError {
  if (isExpected(error)) return error;
  getLogger("tools").error("the host tool {tool} failed: {problem}", {
    tool,
    problem: stackOf(error),
  });
  return failed(tool, messageOf(error), { cause: error });
}

function isExpected(error: unknown): error is SnakedenError {
  try {
    return error instanceof SnakedenError;
  } catch {
    // A proxy whose prototype cannot be read.
    return false;
  }
}

/** The error for a host tool that failed. */
export function failed(
  tool: string,
  problem: string,
  { cause, details = {} }: {
    readonly cause?: unknown;
    readonly details?: Readonly<Record<string, unknown>>;
  } = {},
): SnakedenError {
  return new SnakedenError(
    "host_tool_failed",
    `The host tool ${JSON.stringify(tool)} failed: ${problem}`,
    { details: { tool, ...details }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** The error for a result, or a chunk, that is too large. */
export function tooLarge(tool: string, what: string, maxResultBytes: number): SnakedenError {
  return new SnakedenError(
    "result_too_large",
    `Cannot send ${what} of the host tool ${JSON.stringify(tool)}: the limit is ` +
      `${maxResultBytes} bytes (limits.maxResultBytes)`,
    { details: { tool, limit: "limits.maxResultBytes", maxResultBytes } },
  );
}

/**
 * The error for a host tool whose deadline has passed.
 *
 * @param timeoutMs The time that the tool may take; undefined if its caller's deadline was earlier.
 */
export function tooLate(tool: string, timeoutMs: number | undefined): SnakedenError {
  const whose = timeoutMs === undefined ? "the deadline of its caller" : `its ${timeoutMs} ms`;
  return new DeadlineExceededError(
    `Cannot finish the host tool ${tool}: ${whose} passed`,
    "tool",
    { tool, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  );
}

/** The error for a call of tools that call tools that is too deep. */
export function tooDeep(tool: string, depth: number, maxCallDepth: number): SnakedenError {
  return new SnakedenError(
    "call_depth_exceeded",
    `Cannot call ${tool}: ${depth} calls of tools that call tools are around it, and the limit ` +
      `is ${maxCallDepth} (limits.maxCallDepth); a tool may be calling itself without end`,
    { details: { tool, depth, maxCallDepth } },
  );
}

/** The error for those who wait on behalf of a call that has ended. */
export function runEnded(tool: string): SnakedenError {
  return new SnakedenError("cancelled", `The call of the host tool ${tool} has ended`);
}
