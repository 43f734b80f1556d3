/**
 * The errors of Snakeden. Everything that goes wrong on purpose is a {@link SnakedenError}: `code`
 * is for programs, `message` says what was attempted and what stood in the way, `details` holds the
 * numbers of the message.
 *
 * This file imports nothing. HTTP statuses are in src/routes/http/problem.ts.
 */

/** Every code that a caller can meet. A code never changes its meaning. */
export type ErrorCode =
  // The request
  | "invalid_input"
  | "invalid_arguments"
  | "unsupported_media_type"
  | "body_too_large"
  | "request_incomplete"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "not_acceptable"
  | "stream_gone"
  | "expectation_failed"
  | "not_implemented"
  | "unknown_tool"
  | "unknown_pool"
  | "unknown_worker"
  // The server
  | "server_busy"
  // The pool
  | "pool_saturated"
  | "pool_unhealthy"
  | "shutting_down"
  | "deadline_exceeded"
  | "cancelled"
  | "worker_crashed"
  | "poison_call"
  | "circuit_open"
  | "out_of_memory"
  | "cpu_limit_exceeded"
  | "worker_start_failed"
  // The tool
  | "python_exception"
  | "result_too_large"
  | "invalid_value"
  // The set-up
  | "config_invalid"
  | "python_environment"
  | "startup_failed"
  | "store_failed"
  | "protocol_mismatch"
  | "internal";

/** One thing wrong with one field. */
export interface FieldIssue {
  /** Where, such as `args.rows[2].name` or `pools[0].size`; empty for the whole. */
  readonly path: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/** An exception that Python code raised. */
export interface PythonExceptionInfo {
  /** Qualified name, such as `ValueError` or `numpy.linalg.LinAlgError`. */
  readonly type: string;
  readonly message: string;
  readonly traceback?: string;
}

/** What can be said about a {@link SnakedenError} beyond its code and text. */
export interface SnakedenErrorOptions {
  /** True when the same request may succeed later without a change. */
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** The output of Python code, appended to the text. Not every caller may see it. */
  readonly output?: string;
}

/** Root of the tree. */
export class SnakedenError extends Error {
  override readonly name: string = "SnakedenError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  /** The text without {@link SnakedenErrorOptions.output} at its end. */
  readonly summary: string;

  constructor(code: ErrorCode, message: string, options: SnakedenErrorOptions = {}) {
    const { output = "", cause } = options;
    super(message + output, cause === undefined ? {} : { cause });
    this.code = code;
    this.summary = message;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** Input that is refused before any Python runs; names every field. */
export class InvalidInputError extends SnakedenError {
  override readonly name = "InvalidInputError";
  readonly issues: readonly FieldIssue[];

  constructor(
    message: string,
    issues: readonly FieldIssue[],
    code: "invalid_input" | "invalid_arguments" | "config_invalid" = "invalid_input",
  ) {
    super(code, message, { details: { issues } });
    this.issues = issues;
  }
}

/** A tool raised. */
export class PythonError extends SnakedenError {
  override readonly name = "PythonError";
  readonly python: PythonExceptionInfo;

  constructor(
    message: string,
    python: PythonExceptionInfo,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super("python_exception", message, { details });
    this.python = python;
  }
}

/** How a worker's process ended. */
export interface WorkerExit {
  readonly exitCode: number | null;
  /** Name such as `SIGKILL`, or null when the process exited by itself. */
  readonly signal: string | null;
  /** Last lines of what the worker wrote to stdout and stderr, oldest first. */
  readonly lastOutput: readonly string[];
}

/** The worker that ran a call died under it. */
export class WorkerCrashedError extends SnakedenError {
  override readonly name: string = "WorkerCrashedError";
  readonly exit: WorkerExit;

  constructor(
    message: string,
    exit: WorkerExit,
    details: Readonly<Record<string, unknown>> = {},
    { code = "worker_crashed", output = "" }: {
      readonly code?: "worker_crashed" | LimitCode;
      readonly output?: string;
    } = {},
  ) {
    super(code, message, {
      retryable: code === "worker_crashed",
      details: { ...details, ...exit, mayHaveRun: true },
      output,
    });
    this.exit = exit;
  }
}

/** Codes of limits that cost a worker its life. */
export type LimitCode = "out_of_memory" | "cpu_limit_exceeded";

/**
 * The worker that ran a call was ended because it exceeded a limit; `details` has `limit`,
 * `allowed` and `measured`.
 */
export class LimitExceededError extends WorkerCrashedError {
  override readonly name = "LimitExceededError";

  constructor(
    code: LimitCode,
    message: string,
    exit: WorkerExit,
    details: Readonly<Record<string, unknown>>,
    output?: string,
  ) {
    super(message, exit, details, { code, ...(output === undefined ? {} : { output }) });
  }
}

/** Where a call was when its deadline passed. */
export type CallStage = "queue" | "tool";

/** The one deadline of a call passed. */
export class DeadlineExceededError extends SnakedenError {
  override readonly name = "DeadlineExceededError";
  readonly stage: CallStage;

  constructor(message: string, stage: CallStage, details: Readonly<Record<string, unknown>> = {}) {
    super("deadline_exceeded", message, { retryable: true, details: { ...details, stage } });
    this.stage = stage;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
