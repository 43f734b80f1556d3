import { isRecord } from "../../json/mod.ts";
import {
  type ErrorCode,
  InvalidInputError,
  messageOf,
  PythonError,
  type PythonExceptionInfo,
  SnakedenError,
} from "../../errors.ts";
import { getLogger } from "../../log.ts";

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Seconds after which another try makes sense, for Retry-After. */
  readonly retryAfterS?: number;
}

/** The HTTP statuses of all error codes. No other file has any. */
export const PROBLEMS: Readonly<Record<ErrorCode, ProblemKind>> = {
  invalid_input: { status: 400, title: "The request is not valid" },
  invalid_tool: { status: 400, title: "The tool cannot be registered" },
  unauthenticated: { status: 401, title: "An API key is needed" },
  forbidden: { status: 403, title: "The request is refused" },
  not_found: { status: 404, title: "There is nothing at this path" },
  unknown_tool: { status: 404, title: "There is no such tool" },
  unknown_pool: { status: 404, title: "There is no such pool" },
  unknown_worker: { status: 404, title: "There is no such worker" },
  unknown_session: { status: 404, title: "There is no such session" },
  unknown_variable: { status: 404, title: "There is no such variable" },
  unknown_program: { status: 404, title: "There is no such program" },
  unknown_file: { status: 404, title: "There is no such file" },
  unknown_script: { status: 404, title: "There is no such script" },
  unknown_job: { status: 404, title: "There is no such job" },
  unknown_queue: { status: 404, title: "There is no such queue" },
  method_not_allowed: { status: 405, title: "The path does not take this method" },
  not_acceptable: { status: 406, title: "The answer cannot be sent in an accepted type" },
  request_incomplete: { status: 408, title: "The body did not arrive in time" },
  session_worker_unavailable: { status: 409, title: "The worker of the session is gone" },
  tool_exists: { status: 409, title: "There is such a tool already" },
  pool_exists: { status: 409, title: "There is such a pool already" },
  idempotency_conflict: { status: 409, title: "The idempotency key is taken" },
  file_in_use: { status: 409, title: "The file is in use" },
  job_running: { status: 409, title: "The job is running" },
  job_unfinished: { status: 409, title: "The job has not ended" },
  job_expired: { status: 410, title: "The job has expired before it began" },
  stream_gone: { status: 410, title: "The stream cannot be resumed" },
  version_conflict: { status: 412, title: "The version is another one" },
  body_too_large: { status: 413, title: "The body is too large" },
  file_too_large: { status: 413, title: "The file is too large" },
  unsupported_media_type: { status: 415, title: "The body has the wrong type" },
  range_not_satisfiable: { status: 416, title: "The range is behind the end" },
  expectation_failed: { status: 417, title: "The expectation cannot be met" },
  invalid_arguments: { status: 422, title: "The tool refuses the arguments" },
  invalid_variable: { status: 422, title: "The variable does not take the value" },
  poison_call: { status: 422, title: "The call kills its workers" },
  upgrade_required: { status: 426, title: "The path takes WebSockets only" },
  pool_saturated: { status: 429, title: "The queue of the pool is full", retryAfterS: 1 },
  session_quota_exceeded: { status: 429, title: "There is no room for another one" },
  worker_busy: { status: 429, title: "The worker of the session is busy", retryAfterS: 1 },
  cancelled: { status: 499, title: "The call was cancelled" },
  python_exception: { status: 500, title: "The tool raised an exception" },
  host_tool_failed: { status: 500, title: "The host tool failed" },
  environment_failed: { status: 500, title: "The environment of the script cannot be prepared" },
  input_failed: { status: 500, title: "The source of an input stream failed" },
  out_of_memory: { status: 500, title: "The worker held too much memory during the call" },
  cpu_limit_exceeded: { status: 500, title: "The call used too much CPU time" },
  result_too_large: { status: 500, title: "The result is too large" },
  invalid_value: { status: 500, title: "A value cannot be sent" },
  script_failed: { status: 500, title: "The program of the job failed" },
  script_limit: { status: 500, title: "The program of the job went over a limit" },
  config_invalid: { status: 500, title: "The configuration is not valid" },
  python_environment: { status: 500, title: "The Python environment is not usable" },
  store_failed: { status: 500, title: "The store cannot be written" },
  startup_failed: { status: 500, title: "The start failed" },
  protocol_mismatch: { status: 500, title: "Host and worker do not fit together" },
  internal: { status: 500, title: "Something went wrong inside Snakeden" },
  not_implemented: { status: 501, title: "The transfer coding is not supported" },
  host_unreachable: { status: 502, title: "No host can be reached" },
  connection_lost: { status: 502, title: "The connection to the host broke" },
  unexpected_answer: { status: 502, title: "The answer is not one of a host" },
  worker_crashed: { status: 502, title: "The worker died during the call" },
  guard_lost: { status: 502, title: "The guard of programs died" },
  host_lost: { status: 502, title: "The host died during the job" },
  queue_draining: { status: 503, title: "The queue takes no jobs", retryAfterS: 5 },
  server_busy: { status: 503, title: "The server is busy", retryAfterS: 1 },
  pool_unhealthy: { status: 503, title: "The pool cannot serve", retryAfterS: 5 },
  circuit_open: { status: 503, title: "The circuit is open", retryAfterS: 5 },
  worker_start_failed: { status: 503, title: "No worker could be started", retryAfterS: 5 },
  device_unavailable: { status: 503, title: "No suitable device", retryAfterS: 5 },
  store_unavailable: { status: 503, title: "The store cannot be reached", retryAfterS: 5 },
  shutting_down: { status: 503, title: "The server is stopping", retryAfterS: 5 },
  stalled: { status: 504, title: "The call was silent for too long" },
  file_quota_exceeded: { status: 507, title: "There is no room for the file" },
  call_depth_exceeded: { status: 508, title: "The call is nested too deep" },
  deadline_exceeded: { status: 504, title: "The deadline of the call passed" },
};

/** An error in the form of RFC 9457. */
export interface Problem {
  /** `urn:snakeden:error:` and the code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** A text that says what was attempted and what stood in the way. */
  readonly detail: string;
  readonly code: ErrorCode;
  /** True if the same request may succeed later. */
  readonly retryable: boolean;
  readonly requestId: string;
  /** The numbers of `detail`. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Every field that was refused. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  /** The exception that the tool raised. */
  readonly python?: PythonExceptionInfo;
}

const log = getLogger("http");

/** The details of Python code that a problem may show. */
export interface Shown {
  readonly output: boolean;
  readonly traceback: boolean;
}

/** The value for places where no Python code runs, or where everything may be shown. */
export const SHOWN_ALL: Shown = { output: true, traceback: true };

/**
 * Returns the problem for anything thrown. An unforeseen error is logged, and described by a fixed
 * text.
 */
export function problemOf(error: unknown, requestId: string, shown: Shown = SHOWN_ALL): Problem {
  if (!(error instanceof SnakedenError)) return unknownProblem(error, requestId);
  const { code, message, summary, retryable } = error;
  const { status, title } = PROBLEMS[code];
  const { issues: _issues, ...told } = error.details;
  const details = shownDetails(told, shown);
  return {
    type: typeOf(code),
    title,
    status,
    detail: shown.output ? message : summary,
    code,
    retryable,
    requestId,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    ...(error instanceof InvalidInputError ? { errors: error.issues } : {}),
    ...(error instanceof PythonError ? { python: pythonOf(error, shown) } : {}),
  };
}

/** Returns the details of an error without those that may not be shown. */
export function shownDetails(
  details: Readonly<Record<string, unknown>>,
  shown: Shown,
): Record<string, unknown> {
  return withoutKeys(details, hiddenKeys(shown)) as Record<string, unknown>;
}

function pythonOf({ python }: PythonError, { traceback }: Shown): PythonExceptionInfo {
  return traceback ? python : { type: python.type, message: python.message };
}

/**
 * Keys that are left out. Process ids are of no use on another machine, and the reason of a crash
 * is a line of output.
 */
function hiddenKeys({ output, traceback }: Shown): ReadonlySet<string> {
  return new Set([
    "pid",
    ...(output ? [] : ["lastOutput", "stderrTail", "reason"]),
    ...(traceback ? [] : ["traceback"]),
  ]);
}

/** The number of levels of details that are searched; ours have three. */
const MAX_DEPTH = 8;

/** Returns a copy of details, which are plain data, without these keys. */
function withoutKeys(value: unknown, hidden: ReadonlySet<string>, depth = 0): unknown {
  if (depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((it) => withoutKeys(it, hidden, depth + 1));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !hidden.has(key))
      .map(([key, it]) => [key, withoutKeys(it, hidden, depth + 1)]),
  );
}

/** Asks for an API key; the scheme needs a parameter (RFC 6750). */
const CHALLENGE = 'Bearer realm="snakeden"';

/** Says how to open a WebSocket (RFC 9110, section 15.5.22, and RFC 6455, section 4.4). */
const UPGRADE = { upgrade: "websocket", connection: "upgrade", "sec-websocket-version": "13" };

/** Returns a response that is a problem. */
export function problemResponse(
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const retryAfterS = retryAfter(problem);
  return new Response(problemText(problem), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      "x-request-id": problem.requestId,
      ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
      ...etagOf(problem),
      ...lengthOf(problem),
      ...(problem.code === "unauthenticated" ? { "www-authenticate": CHALLENGE } : {}),
      ...(problem.code === "upgrade_required" ? UPGRADE : {}),
      ...headers,
    },
  });
}

/** Returns the entity tag of what a write has lost against. */
function etagOf({ code, details }: Problem): { readonly etag?: string } {
  const version = details?.currentVersion;
  return code === "version_conflict" && typeof version === "number" ? { etag: `"${version}"` } : {};
}

/** Returns the length of what a range was asked of (RFC 9110, section 15.5.17). */
function lengthOf({ code, details }: Problem): { readonly "content-range"?: string } {
  return code === "range_not_satisfiable" ? { "content-range": `bytes */${details?.bytes}` } : {};
}

/** Returns the seconds for Retry-After. A time in the error itself wins, as for an open circuit. */
function retryAfter({ code, details }: Problem): number | undefined {
  const { retryAfterS } = PROBLEMS[code];
  const ms = details?.retryAfterMs;
  if (retryAfterS === undefined || typeof ms !== "number") return retryAfterS;
  return Math.max(1, Math.ceil(ms / 1_000));
}

/** Returns a problem as JSON text. */
export function problemText(problem: Problem): string {
  try {
    return JSON.stringify(problem, (_, it) => typeof it === "bigint" ? String(it) : it);
  } catch (error) {
    log.error("the details of an error cannot be sent", { code: problem.code, error });
    const { details: _details, ...rest } = problem;
    return JSON.stringify(rest);
  }
}

/** Returns the code of the problem for an error. */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof SnakedenError) return error.code;
  return error instanceof DOMException && error.name === "AbortError" ? "cancelled" : "internal";
}

function unknownProblem(error: unknown, requestId: string): Problem {
  if (codeOf(error) === "cancelled") {
    return problemOf(new SnakedenError("cancelled", "The client left"), requestId);
  }
  log.error("a request failed: {text}", { text: messageOf(error), requestId, error });
  return {
    type: typeOf("internal"),
    title: PROBLEMS.internal.title,
    status: PROBLEMS.internal.status,
    detail: `The log of the server has more under the request id ${requestId}`,
    code: "internal",
    retryable: false,
    requestId,
  };
}

function typeOf(code: ErrorCode): string {
  return `urn:snakeden:error:${code}`;
}
