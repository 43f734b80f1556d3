/**
 * The driver of {@link JobStore} that lives as long as its host. {@link JobTable} has the jobs in
 * every order in which they are looked for; {@link JobLife} moves them from state to state;
 * {@link WaitingClaims} and {@link JobEventReaders} wake those who wait.
 *
 * @module
 */
import { type Clock, SYSTEM_CLOCK } from "../../../async/mod.ts";
import { AcceptedWork } from "../../accepted_work.ts";
import { storeTime } from "../../session_row.ts";
import type { JobStore, JobStoreLimits } from "../job_store.ts";
import { MemoryJobs } from "./memory_jobs.ts";

/** Options of {@link memoryJobs}. */
export interface MemoryJobsOptions {
  readonly limits: JobStoreLimits;
  /** The time of the store; `now` returns whole milliseconds since 1970. */
  readonly clock?: Clock | undefined;
}

/** Returns a store of jobs that lives as long as its host. */
export function memoryJobs(
  { limits, clock = { now: storeTime, after: SYSTEM_CLOCK.after } }: MemoryJobsOptions,
): JobStore & AsyncDisposable {
  const accepted = new AcceptedWork();
  const jobs = new MemoryJobs({ accepted, limits, clock });
  return Object.assign(jobs, {
    [Symbol.asyncDispose]: () => {
      const closed = accepted.close(() => Promise.resolve());
      jobs.close();
      return closed;
    },
  });
}
