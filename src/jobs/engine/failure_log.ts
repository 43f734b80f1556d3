import { getLogger } from "../../log.ts";
import { isRecord } from "../../json/mod.ts";
import type { JobError, JobRow, JobState } from "../../store/mod.ts";

/** The longest text of an error in the log. */
const MAX_TEXT = 500;

/** The end of an attempt, for the log. */
export interface FailedAttempt {
  readonly job: JobRow;
  readonly workerId: string | undefined;
  readonly error: JobError;
  /** The pause before the next attempt, in milliseconds; null if there is none. */
  readonly retryInMs: number | null;
  /** The state that the job has after it. */
  readonly state: JobState;
}

/**
 * Logs an attempt that has failed, since nobody may be waiting for the job: as a warning if the job
 * is discarded, else as information.
 */
export function logFailure({ job, workerId, error, retryInMs, state }: FailedAttempt): void {
  const { id: jobId, name: tool, pool, attempt, maxAttempts } = job;
  const facts = { jobId, tool, pool, workerId, code: error.code, ...problemOf(error) };
  const count = `attempt ${attempt} of ${maxAttempts}`;
  if (state === "discarded") {
    const why = attempt < maxAttempts ? " with an error that is not retried" : "";
    getLogger("jobs").warn(`a job is discarded: ${count} failed${why}`, facts);
  } else if (state === "retryable") {
    const next = `the next one begins in ${retryInMs} ms`;
    getLogger("jobs").info(`${count} of a job failed; ${next}`, facts);
  }
}

/** Logs a job that was returned for later, at its first start: its pool lacks what it needs. */
export function logReturn(job: JobRow, { error, inMs }: {
  readonly error: JobError;
  readonly inMs: number;
}): void {
  const { id: jobId, name: tool, pool, run } = job;
  if (run > 1) return;
  const text = `a job cannot begin, and is tried again and again, at first in ${inMs} ms`;
  getLogger("jobs").warn(text, { jobId, tool, pool, code: error.code, ...problemOf(error) });
}

function problemOf({ message, details }: JobError): Record<string, unknown> {
  const python = details?.["python"];
  if (!isRecord(python)) return { problem: cut(message) };
  const { type, message: text } = python;
  return { exception: cut(text === "" ? String(type) : `${type}: ${text}`) };
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT).toWellFormed()}…` : text;
}
