import {
  type CallStage,
  DeadlineExceededError,
  type ErrorCode,
  type FieldIssue,
  type InvalidInputCode,
  InvalidInputError,
  LimitExceededError,
  PythonError,
  type PythonExceptionInfo,
  SnakedenError,
  WorkerCrashedError,
  type WorkerExit,
} from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";

/** A problem document (RFC 9457) as a host sends it. Its fields are unchecked. */
export interface ReceivedProblem {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retryable?: unknown;
  readonly requestId?: unknown;
  readonly details?: unknown;
  readonly errors?: unknown;
  readonly python?: unknown;
}

/** Returns true for a problem document of a host. */
export function isProblem(body: unknown): body is ReceivedProblem {
  return isRecord(body) && typeof body.code === "string" && typeof body.detail === "string";
}

/** Returns the error that a problem document describes, of the class that the library throws. */
export function problemError(problem: ReceivedProblem): SnakedenError {
  const error = errorOf(problem);
  if (typeof problem.requestId === "string") error.requestId = problem.requestId;
  return error;
}

function errorOf(problem: ReceivedProblem): SnakedenError {
  const { code, detail, errors, python } = problem;
  const details = isRecord(problem.details) ? problem.details : {};
  switch (code) {
    case "python_exception":
      if (isRecord(python)) return new PythonError(detail, exceptionOf(python), details);
      break;
    case "deadline_exceeded":
      return new DeadlineExceededError(detail, stageOf(details), details);
    case "worker_crashed":
      return new WorkerCrashedError(detail, exitOf(details), details);
    case "out_of_memory":
    case "cpu_limit_exceeded":
      return new LimitExceededError(code, detail, exitOf(details), details);
    default:
      if (Array.isArray(errors)) {
        return new InvalidInputError(detail, errors.map(issueOf), code as InvalidInputCode);
      }
  }
  return new SnakedenError(code, detail, { retryable: problem.retryable === true, details });
}

function exceptionOf({ type, message, traceback }: Record<string, unknown>): PythonExceptionInfo {
  return {
    type: String(type),
    message: String(message),
    ...(typeof traceback === "string" ? { traceback } : {}),
  };
}

function stageOf({ stage }: Record<string, unknown>): CallStage {
  return stage === "queue" ? "queue" : "tool";
}

/** The last output is empty where the host hides it. */
function exitOf({ exitCode, signal, lastOutput }: Record<string, unknown>): WorkerExit {
  return {
    exitCode: typeof exitCode === "number" ? exitCode : null,
    signal: typeof signal === "string" ? signal : null,
    lastOutput: Array.isArray(lastOutput) ? lastOutput.map(String) : [],
  };
}

function issueOf(issue: unknown): FieldIssue {
  const { path = "", message = "" } = isRecord(issue) ? issue : {};
  return { path: String(path), message: String(message) };
}
