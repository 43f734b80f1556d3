import { type ErrorCode, SnakedenError } from "../../errors.ts";
import type { JobsConfig } from "../../config/mod.ts";
import type { JobExit, Outcome } from "../../store/mod.ts";
import { exitOf, jobErrorOf } from "./job_error.ts";
import type { JobRun } from "./job_run.ts";
import { retryInMs } from "./retry_delay.ts";

/** The end of a run, as it is reported to the store. */
export interface RunOutcome {
  readonly outcome: Outcome;
  readonly exit?: JobExit | undefined;
  /** True if the pool has refused the job before it began. */
  readonly wasRefused?: boolean;
}

/** Refusals of a pool that say nothing about the job. */
const REFUSALS: ReadonlySet<string> = new Set<ErrorCode>([
  "pool_saturated",
  "pool_unhealthy",
  "device_unavailable",
  "shutting_down",
]);

/** Options of {@link outcomeOfFailure}. */
export interface FailureOptions {
  readonly retry: JobsConfig["retry"];
  /** True if the host is stopping. */
  readonly isClosing: boolean;
}

/**
 * Returns what a failed run means for its job.
 *
 * A job that the host has stopped, or that fails while the host stops, is returned: it costs no
 * attempt. The same holds for one that its pool has refused before it began.
 */
export function outcomeOfFailure(
  run: JobRun,
  error: unknown,
  { retry, isClosing }: FailureOptions,
): RunOutcome {
  const { job, cause, hasBegun } = run;
  if (cause === "cancelled") return { outcome: { type: "cancelled" } };
  if (cause !== undefined || isClosing) return { outcome: { type: "returned", hasBegun } };
  if (isRefusal(run, error)) {
    return { outcome: { type: "returned", hasBegun }, wasRefused: !hasBegun };
  }
  const kept = jobErrorOf(error);
  return {
    outcome: { type: "failed", error: kept, retryInMs: retryInMs(job, kept, { retry }) },
    exit: exitOf(error),
  };
}

/** Returns true if the pool has not let the job run, or has ended its worker in a stop. */
function isRefusal({ hasBegun }: JobRun, error: unknown): boolean {
  if (!(error instanceof SnakedenError)) return false;
  return hasBegun ? error.code === "shutting_down" : REFUSALS.has(error.code);
}
