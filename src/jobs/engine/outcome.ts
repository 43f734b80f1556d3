import { type ErrorCode, SnakedenError } from "../../errors.ts";
import type { JobsConfig } from "../../config/mod.ts";
import type { JobExit, Outcome } from "../../store/mod.ts";
import { exitOf, jobErrorOf, retryInMs } from "../failures/mod.ts";
import type { JobRun } from "./job_run.ts";

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
  "unknown_pool",
]);
/** Those that also say nothing about a job that has begun. */
const ENDS_OF_POOLS: ReadonlySet<string> = new Set<ErrorCode>(["shutting_down", "unknown_pool"]);

/** Bounds on the pauses after which a pool is asked again for a tool that it does not have. */
const MIN_TOOL_PAUSE_MS = 1_000;
const MAX_TOOL_PAUSE_MS = 60_000;

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
 * attempt. The same holds for one that its pool has refused before it began, and for one whose
 * tool its pool does not have: it had it when the job was submitted, and a deployment that lacks it
 * by mistake must not end the jobs that wait.
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
  if (isWithoutTool(run, error)) {
    const inMs = Math.min(MAX_TOOL_PAUSE_MS, MIN_TOOL_PAUSE_MS * 2 ** (job.run - 1));
    return { outcome: { type: "returned", hasBegun: false, error: kept, inMs } };
  }
  return {
    outcome: { type: "failed", error: kept, retryInMs: retryInMs(job, kept, { retry }) },
    exit: exitOf(error),
  };
}

/**
 * Returns true if the pool has not let the job run, or has ended its worker in a stop, or if it was
 * removed: a batch makes further calls there.
 */
function isRefusal({ hasBegun }: JobRun, error: unknown): boolean {
  if (!(error instanceof SnakedenError)) return false;
  return (hasBegun ? ENDS_OF_POOLS : REFUSALS).has(error.code);
}

/**
 * Returns true if the pool lacks the tool of the job. A tool that Python registered in a session is
 * gone for good.
 */
function isWithoutTool({ hasBegun, job }: JobRun, error: unknown): boolean {
  return !hasBegun && error instanceof SnakedenError && error.code === "unknown_tool" &&
    job.options["sessionId"] === undefined;
}
