import { type ErrorCode, SnakedenError } from "../errors.ts";
import { suggestion } from "../near_names.ts";
import type { JobError, JobRow } from "../store/mod.ts";
import { typedError } from "../typed_error.ts";

/** The error for a job that does not exist. */
export function unknownJob(id: string): SnakedenError {
  return new SnakedenError(
    "unknown_job",
    `There is no job ${JSON.stringify(id)}: it was never submitted, or was removed some time ` +
      "after its end",
    { details: { jobId: id } },
  );
}

/** The error for a queue that does not exist. */
export function unknownQueue(name: string, known: readonly string[]): SnakedenError {
  const text = `There is no queue ${JSON.stringify(name)}; ${suggestion(name, known)}`;
  return new SnakedenError("unknown_queue", text, { details: { queue: name } });
}

/** The error for an idempotency key that another submission has used. */
export function idempotencyConflict(key: string, id: string): SnakedenError {
  return new SnakedenError(
    "idempotency_conflict",
    `Cannot submit the job: the idempotency key ${JSON.stringify(key)} is that of another ` +
      `submission, which made the job ${id}`,
    { details: { jobId: id } },
  );
}

/** The error for an id of a caller that another submission has used. */
export function idConflict(id: string): SnakedenError {
  return new SnakedenError(
    "idempotency_conflict",
    `Cannot submit the job: the job ${id} was made by another submission; ` +
      "its id is free when it is no longer kept",
    { details: { jobId: id } },
  );
}

/** The error for the result of a job that has not ended. */
export function unfinished({ id, state }: JobRow): SnakedenError {
  return new SnakedenError(
    "job_unfinished",
    `The job ${id} has no result: it is ${state}; wait for it, or ask again later`,
    { retryable: true, details: { jobId: id, state } },
  );
}

/** The error for the retry of a job that runs. */
export function stillRunning(id: string): SnakedenError {
  return new SnakedenError("job_running", `Cannot retry the job ${id}: it is running`, {
    details: { jobId: id },
  });
}

/** Returns the error of a job that has ended without a result, for those who wait for one. */
export function errorOf({ id, state, error, cancelReason }: JobRow): SnakedenError {
  if (state === "cancelled") {
    const why = cancelReason === undefined || cancelReason === "" ? "" : `: ${cancelReason}`;
    return new SnakedenError("cancelled", `The job ${id} was cancelled${why}`, {
      details: { jobId: id },
    });
  }
  if (error === undefined) {
    return new SnakedenError("internal", `The job ${id} is ${state}, and has no error`);
  }
  return thrownAs(error, id);
}

function thrownAs({ code, message, details = {} }: JobError, id: string): SnakedenError {
  const { python, issues, summary, ...rest } = details;
  const facts = { code: code as ErrorCode, details: { ...rest, jobId: id }, issues, python };
  return typeof summary === "string" && message.startsWith(summary)
    ? typedError({ ...facts, message: summary, output: message.slice(summary.length) })
    : typedError({ ...facts, message });
}
