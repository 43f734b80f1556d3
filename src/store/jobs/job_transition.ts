import type { Outcome } from "./claim.ts";
import type { AttemptRow, JobError, JobRow, JobState } from "./job_row.ts";
import type { NewJob } from "./new_job.ts";

/** Returns the state and the time of the first start of a job that is submitted at `now`. */
export function firstStart(
  { start }: Pick<NewJob, "start">,
  now: number,
): { readonly state: "available" | "scheduled"; readonly runAt: number } {
  const runAt = start === undefined ? now : "at" in start ? start.at : now + start.inMs;
  return { state: runAt > now ? "scheduled" : "available", runAt };
}

/** The way in which a claim ends, and its effects on the job. */
export interface Transition {
  readonly state: JobState;
  /** `JobRow.attempt` of the job from here on. */
  readonly attempt: number;
  /** The time of the next start; absent if `JobRow.runAt` stays. */
  readonly runAt?: number;
  /** The outcome of the {@link AttemptRow}; absent if the work had not begun. */
  readonly recorded?: AttemptRow["outcome"];
  /** `JobRow.error` from here on; "same" leaves it as it is. */
  readonly error: JobError | "same" | undefined;
}

/** The facts about a running job that decide where it goes. */
export interface Running extends Pick<JobRow, "attempt" | "maxAttempts"> {
  /** True if its cancellation was requested. */
  readonly isCancelling: boolean;
}

/** Returns the effects of the end of a claim by its holder, at `now`. */
export function afterOutcome(outcome: Outcome, job: Running, now: number): Transition {
  const { attempt, isCancelling } = job;
  switch (outcome.type) {
    case "completed":
      return { state: "completed", attempt, recorded: "completed", error: undefined };
    case "cancelled":
      return { state: "cancelled", attempt, recorded: "cancelled", error: outcome.error };
    case "returned":
      if ("inMs" in outcome && !isCancelling) {
        const { error, inMs } = outcome;
        return { state: "retryable", attempt: attempt - 1, runAt: now + inMs, error };
      }
      return {
        state: isCancelling ? "cancelled" : "available",
        attempt: attempt - 1,
        ...(outcome.hasBegun && { recorded: "returned" }),
        error: "same",
      };
    case "failed": {
      const { error, retryInMs } = outcome;
      const rest = { attempt, recorded: "failed", error } as const;
      if (isCancelling) return { state: "cancelled", ...rest };
      if (retryInMs === null) return { state: "discarded", ...rest };
      return { state: "retryable", runAt: now + retryInMs, ...rest };
    }
  }
}

/** Returns the effects of the loss of a claim, whose lease or holder has ended. */
export function afterLoss(job: Running & Pick<JobRow, "run" | "holder">): Transition {
  const { attempt, maxAttempts, isCancelling } = job;
  const state = isCancelling ? "cancelled" : attempt < maxAttempts ? "available" : "discarded";
  return { state, attempt, recorded: "lost", error: lostError(job) };
}

/** Returns the error of an attempt whose lease or holder has ended. */
export function lostError({ holder }: Pick<JobRow, "holder">): JobError {
  const message = "The attempt was lost: the host that ran it has died, or could not extend its " +
    "lease in time";
  return { code: "host_lost", message, ...(holder !== undefined && { details: { holder } }) };
}

/** Returns the error of a job that has not begun in time. */
export function expiredError(startBy: number): JobError {
  const at = new Date(startBy).toISOString();
  return { code: "job_expired", message: `The job expired: it had not begun by ${at}` };
}
