/**
 * The errors of Snakeden. Every expected failure is a {@link SnakedenError}: `code` is for
 * programs; `message` says what was attempted and what stood in the way; `details` has the numbers
 * in the message.
 *
 * This file imports nothing. HTTP statuses are in src/routes/http/problem.ts.
 */

/** The code of an error. Codes never change their meaning; docs/http.md describes each. */
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
  | "range_not_satisfiable"
  | "expectation_failed"
  | "upgrade_required"
  | "not_implemented"
  | "unknown_tool"
  | "unknown_pool"
  | "pool_exists"
  | "unknown_worker"
  | "unknown_session"
  | "unknown_variable"
  | "unknown_program"
  | "version_conflict"
  | "invalid_variable"
  | "session_quota_exceeded"
  | "unknown_file"
  | "file_in_use"
  | "file_too_large"
  | "file_quota_exceeded"
  | "unknown_script"
  | "unknown_job"
  | "unknown_queue"
  | "queue_draining"
  | "idempotency_conflict"
  | "job_running"
  | "job_unfinished"
  // The server
  | "server_busy"
  // The pool
  | "pool_saturated"
  | "pool_unhealthy"
  | "device_unavailable"
  | "shutting_down"
  | "deadline_exceeded"
  | "cancelled"
  | "worker_busy"
  | "session_worker_unavailable"
  | "stalled"
  | "call_depth_exceeded"
  | "worker_crashed"
  | "poison_call"
  | "circuit_open"
  | "out_of_memory"
  | "cpu_limit_exceeded"
  | "host_lost"
  | "job_expired"
  | "worker_start_failed"
  // The tool
  | "invalid_tool"
  | "tool_exists"
  | "host_tool_failed"
  | "input_failed"
  | "python_exception"
  | "result_too_large"
  | "invalid_value"
  // The program of a job
  | "script_failed"
  | "script_limit"
  | "guard_lost"
  | "environment_failed"
  // The set-up
  | "config_invalid"
  | "python_environment"
  | "startup_failed"
  | "store_failed"
  | "store_unavailable"
  | "protocol_mismatch"
  // The HTTP client
  | "host_unreachable"
  | "connection_lost"
  | "unexpected_answer"
  | "internal";

/** A problem with one field of the input. */
export interface FieldIssue {
  /**
   * The path of the field, such as `args.rows[2].name` or `pools[0].size`; empty for the input as a
   * whole.
   */
  readonly path: string;
  /** The problem, and what is allowed instead. */
  readonly message: string;
}

/** An exception that Python code raised. */
export interface PythonExceptionInfo {
  /** The qualified name of its class, such as `ValueError` or `numpy.linalg.LinAlgError`. */
  readonly type: string;
  /** The text of the exception, as `str()` returns it. */
  readonly message: string;
  /** The traceback as Python prints it, without the frames of Snakeden. */
  readonly traceback?: string;
}

/** Options of a {@link SnakedenError}. */
export interface SnakedenErrorOptions {
  /** True if the same request may succeed later, unchanged; false if omitted. */
  readonly retryable?: boolean;
  /** Facts for programs, such as the numbers in the message; `{}` if omitted. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** The error that caused this one. */
  readonly cause?: unknown;
  /** Output of Python code, which is appended to the message. Not every caller may see it. */
  readonly output?: string;
}

/** The base class of all errors of Snakeden. */
export class SnakedenError extends Error {
  /** The name of the class. */
  override readonly name: string = "SnakedenError";
  /** The kind of failure. */
  readonly code: ErrorCode;
  /** True if the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** Facts for programs, such as the numbers in the message. */
  readonly details: Readonly<Record<string, unknown>>;
  /** The message without {@link SnakedenErrorOptions.output}. */
  readonly summary: string;
  /** The id of the HTTP request that failed; on errors that a host has sent to a client only. */
  declare requestId?: string;

  /** Creates an error; `options.output` is appended to the message. */
  constructor(code: ErrorCode, message: string, options: SnakedenErrorOptions = {}) {
    const { output = "", cause } = options;
    super(message + output, cause === undefined ? {} : { cause });
    this.code = code;
    this.summary = message;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }

  /** Adds facts that are known where the error passes, such as what was delivered before it. */
  addDetails(details: Readonly<Record<string, unknown>>): void {
    (this as { details: SnakedenError["details"] }).details = { ...this.details, ...details };
  }
}

/** The codes of errors that name every field that is wrong. */
export type InvalidInputCode =
  | "invalid_input"
  | "invalid_arguments"
  | "invalid_variable"
  | "config_invalid";

/** The error for invalid input, before any Python code runs. It names every field that is wrong. */
export class InvalidInputError extends SnakedenError {
  /** The name of the class. */
  override readonly name = "InvalidInputError";
  /** The problems, one for each field. */
  readonly issues: readonly FieldIssue[];

  /** Creates an error for these issues, which `details` has too. */
  constructor(
    message: string,
    issues: readonly FieldIssue[],
    code: InvalidInputCode = "invalid_input",
  ) {
    super(code, message, { details: { issues } });
    this.issues = issues;
  }
}

/**
 * The traceback or other output of Python as the cause of an error, so that all who print causes
 * show it.
 */
export class PythonTraceback extends Error {
  override readonly name = "";

  /** Creates a cause that is printed as this text. */
  constructor(traceback: string) {
    super(traceback);
    // A text without a name before it and without frames of JavaScript after it.
    this.stack = traceback;
  }
}

/** The error for an exception that a tool raised. Its `cause` shows the traceback when printed. */
export class PythonError extends SnakedenError {
  /** The name of the class. */
  override readonly name = "PythonError";
  /** The exception. */
  readonly python: PythonExceptionInfo;

  /** Creates an error for this exception. */
  constructor(
    message: string,
    python: PythonExceptionInfo,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    const { traceback = "" } = python;
    super("python_exception", message, {
      details,
      ...(traceback === "" ? {} : { cause: new PythonTraceback(traceback.trimEnd()) }),
    });
    this.python = python;
  }
}

/** The end of a worker's process. */
export interface WorkerExit {
  /** The exit status; null if a signal ended the process. */
  readonly exitCode: number | null;
  /** The signal that ended the process, such as `SIGKILL`; null if it exited by itself. */
  readonly signal: string | null;
  /** The last lines that the worker wrote to stdout and stderr, oldest first. */
  readonly lastOutput: readonly string[];
}

/**
 * The error for a call whose worker died while it ran. `details` has the exit, and
 * `mayHaveRun: true`: the tool may have had effects.
 */
export class WorkerCrashedError extends SnakedenError {
  /** The name of the class. */
  override readonly name: string = "WorkerCrashedError";
  /** The end of the worker's process. */
  readonly exit: WorkerExit;

  /** Creates an error for this exit. `code` names the limit that the worker exceeded, if any. */
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

/** The codes of limits for which the host ends a worker. */
export type LimitCode = "out_of_memory" | "cpu_limit_exceeded";

/**
 * The error for a call whose worker was ended because it exceeded a limit. `details` has `limit`,
 * `allowed` and `measured`.
 */
export class LimitExceededError extends WorkerCrashedError {
  /** The name of the class. */
  override readonly name = "LimitExceededError";

  /** Creates an error for a worker that exceeded the limit `code`. */
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

/** The place of a call when its deadline passed: in the queue of its pool, or with the tool. */
export type CallStage = "queue" | "tool";

/** The error for a call that did not end before its deadline. */
export class DeadlineExceededError extends SnakedenError {
  /** The name of the class. */
  override readonly name = "DeadlineExceededError";
  /** The place of the call when its deadline passed. */
  readonly stage: CallStage;

  /** Creates an error for a call whose deadline passed at this stage. */
  constructor(message: string, stage: CallStage, details: Readonly<Record<string, unknown>> = {}) {
    super("deadline_exceeded", message, { retryable: true, details: { ...details, stage } });
    this.stage = stage;
  }
}

/** Returns the message of anything that was thrown. Never throws, whatever code of users threw. */
export function messageOf(error: unknown): string {
  return textOf(() => error instanceof Error ? error.message : error);
}

/** Returns the stack of anything that was thrown, or else its message. Never throws. */
export function stackOf(error: unknown): string {
  return textOf(() => error instanceof Error ? error.stack ?? error.message : error);
}

function textOf(read: () => unknown): string {
  try {
    return String(read());
  } catch {
    return "an error without a readable text";
  }
}
