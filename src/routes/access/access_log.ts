import { PythonError, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { type Called, codeOf, PROBLEMS, type Shown } from "../http/mod.ts";

const log = getLogger("http");

/** The longest text of an exception in an entry, in characters. */
const MAX_TEXT = 500;

/** A log entry for a response, or for a stream that failed after its response had begun. */
export interface Access {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs?: number;
  /** The address that the request came from. */
  readonly remote?: string | undefined;
  readonly requestId: string;
  readonly called?: Called | undefined;
  /** The error that the response reports, if any. */
  readonly error?: unknown;
  readonly shown: Shown;
}

/**
 * Writes one line of the log: a warning for a failure of the server, information for a mistake of
 * the caller.
 */
export function logAccess(
  { called, error, shown, durationMs, remote, ...access }: Access,
): void {
  if (!isLogged(access.status)) return;
  log[levelOf(access.status)]("{method} {path} {status}", {
    ...access,
    ...(durationMs === undefined ? {} : { durationMs: Math.round(durationMs * 10) / 10 }),
    ...(remote === undefined ? {} : { remote }),
    ...(error === undefined ? {} : failureOf(error, called, shown)),
  });
}

/** Returns true when a response of this status has a line in the log; most have none. */
export function isLogged(status: number): boolean {
  return log.isEnabledFor(levelOf(status));
}

function levelOf(status: number): "warning" | "info" | "debug" {
  return status >= 500 ? "warning" : status >= 400 ? "info" : "debug";
}

/** Writes the line of a stream that failed after its response had begun. */
export function logStreamFailure(access: Omit<Access, "status">): void {
  logAccess({ ...access, status: PROBLEMS[codeOf(access.error)].status });
}

/** Returns the properties of an entry that describe what failed, where, and why. */
function failureOf(
  error: unknown,
  called: Called | undefined,
  shown: Shown,
): Record<string, unknown> {
  const { workerId } = error instanceof SnakedenError ? error.details ?? {} : {};
  // The ids of workers begin with the name of their pool.
  const pool = typeof workerId === "string" ? workerId.replace(/-\d+$/, "") : called?.pool;
  return {
    code: codeOf(error),
    tool: called?.tool,
    pool,
    workerId,
    ...(error instanceof PythonError
      ? exceptionOf(error, shown)
      : { problem: textOf(error instanceof SnakedenError ? error.message : error) }),
  };
}

function exceptionOf({ python }: PythonError, shown: Shown): Record<string, unknown> {
  const { type, message, traceback = "" } = python;
  const frames = [...traceback.matchAll(/^ +File "(.+)", line (\d+)/gm)];
  const [, file, line] = frames.at(-1) ?? [];
  return {
    exception: textOf(message === "" ? type : `${type}: ${message}`),
    at: file === undefined ? undefined : `${file}:${line}`,
    // The response does not have it, so it can only be found in the log.
    ...(shown.traceback || traceback === "" ? {} : { traceback }),
  };
}

function textOf(problem: unknown): string {
  const text = String(problem);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
