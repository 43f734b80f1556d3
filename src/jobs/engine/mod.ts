/**
 * The engine that runs jobs. A {@link JobEngine} holds the parts:
 *
 * - {@link PoolScheduler} claims jobs for the free workers of a pool; `ClaimWindow` decides how
 *   many.
 * - `JobRun` is one start of a job. `LeaseKeeper` keeps the claims of all of them, and writes what
 *   is new about them.
 * - `Finisher` writes their ends. What a failure means for a job is in outcome.ts and
 *   src/jobs/failures.
 * - `Sweeper` does what time asks for; `abandonDead` takes back the jobs of dead hosts.
 *
 * @module
 */
export { JobEngine, type JobEngineDeps } from "./job_engine.ts";
export type { JobPool, PoolScheduler } from "./pool_scheduler.ts";
