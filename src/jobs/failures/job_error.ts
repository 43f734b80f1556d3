import {
  InvalidInputError,
  messageOf,
  PythonError,
  SnakedenError,
  WorkerCrashedError,
} from "../../errors.ts";
import { getLogger } from "../../log.ts";
import type { JobError, JobExit, JsonObject } from "../../store/mod.ts";

/** The longest text of an error that is kept. */
const MAX_TEXT = 16 * 1024;
/** The longest details that are kept, as JSON. */
const MAX_DETAILS = 64 * 1024;

/** Returns the error of an attempt as it is kept: with facts that are JSON, and of bounded size. */
export function jobErrorOf(error: unknown): JobError {
  if (!(error instanceof SnakedenError)) return unforeseen(error);
  const { code, message, summary } = error;
  const facts = factsOf(error);
  // For readers to whom no output may be shown.
  const details = summary === message ? facts : { ...facts, summary: cut(summary) };
  return { code, message: cut(message), ...(details === undefined ? {} : { details }) };
}

/** Returns the end of the process with which an attempt has failed; undefined for another error. */
export function exitOf(error: unknown): JobExit | undefined {
  if (error instanceof SnakedenError && error.code === "script_failed") {
    const { exitCode, signal } = error.details;
    if (typeof exitCode === "number") return { code: exitCode };
    return typeof signal === "string" ? { signal } : undefined;
  }
  if (!(error instanceof WorkerCrashedError)) return undefined;
  const { exitCode, signal } = error.exit;
  return {
    ...(exitCode === null ? {} : { code: exitCode }),
    ...(signal === null ? {} : { signal }),
  };
}

/** An error that is a fault of Snakeden itself: the log has it, with its stack. */
function unforeseen(error: unknown): JobError {
  getLogger("jobs").error("an attempt of a job failed in the host: {error}", { error });
  return { code: "internal", message: cut(messageOf(error)) };
}

function factsOf(error: SnakedenError): JsonObject | undefined {
  const details = error instanceof PythonError
    ? { ...error.details, python: pythonOf(error) }
    : error instanceof InvalidInputError
    ? { ...error.details, issues: error.issues }
    : error.details;
  try {
    const text = JSON.stringify(details);
    if (text === "{}") return undefined;
    if (text.length <= MAX_DETAILS) return JSON.parse(text) as JsonObject;
  } catch {
    // A fact that is no JSON, such as a bigint.
  }
  return error instanceof PythonError ? { python: pythonOf(error) } : undefined;
}

function pythonOf({ python: { type, message, traceback } }: PythonError): JsonObject {
  return {
    type: cut(type),
    message: cut(message),
    ...(traceback === undefined ? {} : { traceback: cut(traceback) }),
  };
}

function cut(text: string): string {
  const whole = text.toWellFormed();
  return whole.length <= MAX_TEXT
    ? whole
    : `${whole.slice(0, MAX_TEXT).toWellFormed()}... (${whole.length} characters)`;
}
