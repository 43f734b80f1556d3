import type { WireError } from "../../bridge/mod.ts";
import {
  DeadlineExceededError,
  type ErrorCode,
  InvalidInputError,
  PythonError,
  SnakedenError,
} from "../../errors.ts";
import { withModuleCure } from "./missing_module.ts";

/** Facts about a call whose worker reports a failure. */
export interface FailureContext {
  readonly tool: string;
  readonly workerId: string;
  readonly timeoutMs: number;
  readonly queueMs: number;
  readonly runMs: number;
  /** The cure for a missing module. */
  readonly moduleCure?: string | undefined;
}

/** The codes that a worker may report, besides those that have their own class. */
const PLAIN_CODES: readonly ErrorCode[] = [
  "input_failed",
  "unknown_tool",
  "cancelled",
  "result_too_large",
  "invalid_value",
];

/** The exception of a worker that describes none. */
const NO_EXCEPTION: NonNullable<WireError["python"]> = {
  type: "Exception",
  message: "",
  traceback: "",
};

/** Returns the error that a caller gets for a failure that a worker reported. */
export function callFailure(error: WireError, context: FailureContext): SnakedenError {
  const { tool, workerId, timeoutMs, queueMs, runMs } = context;
  switch (error.code) {
    case "python_exception": {
      const { host, ...given } = error.python ?? NO_EXCEPTION;
      // Empty texts are no properties of what the link has read.
      const python = { ...NO_EXCEPTION, ...given };
      const cause = host && { code: host.code, ...(host.tool === "" ? {} : { tool: host.tool }) };
      return new PythonError(
        withModuleCure(error.message, python, context.moduleCure),
        python,
        { tool, workerId, ...(cause ? { cause } : {}) },
      );
    }
    case "invalid_arguments":
      return new InvalidInputError(error.message, error.issues, "invalid_arguments");
    case "deadline_exceeded":
      return new DeadlineExceededError(
        `Cannot finish ${tool}: its deadline of ${timeoutMs} ms passed after it had waited ` +
          `${Math.round(queueMs)} ms for a worker and run ${Math.round(runMs)} ms`,
        "tool",
        { timeoutMs, queueMs, runMs, workerId },
      );
  }
  const code = PLAIN_CODES.find((it) => it === error.code) ?? "internal";
  return new SnakedenError(code, error.message, { details: { tool, workerId } });
}
