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
} from "./errors.ts";

/** The facts about an error that was sent or stored. Only `code` and `message` are always there. */
export interface ErrorFacts {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable?: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
  /** The issues of an {@link InvalidInputError}. */
  readonly issues?: unknown;
  /** The exception of a {@link PythonError}. */
  readonly python?: unknown;
  /** Output of Python code, which follows the message; by default, the message has it. */
  readonly output?: string;
}

/** Returns an error of the class that it had where it was thrown. */
export function typedError(facts: ErrorFacts): SnakedenError {
  const { code, message, retryable = false, details = {}, issues, python, output = "" } = facts;
  switch (code) {
    case "python_exception": {
      const fields = fieldsOf(python);
      if (fields !== undefined) return new PythonError(message, exceptionOf(fields), details);
      break;
    }
    case "deadline_exceeded":
      return new DeadlineExceededError(message, stageOf(details), details);
    case "worker_crashed":
      return new WorkerCrashedError(message, exitOf(details), details, { output });
    case "out_of_memory":
    case "cpu_limit_exceeded":
      return new LimitExceededError(code, message, exitOf(details), details, output);
    default:
      if (Array.isArray(issues)) {
        const error = new InvalidInputError(message, issues.map(issueOf), code as InvalidInputCode);
        error.addDetails(details);
        return error;
      }
  }
  return new SnakedenError(code, message, { retryable, details, output });
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
  const { path = "", message = "" } = fieldsOf(issue) ?? {};
  return { path: String(path), message: String(message) };
}

function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}
