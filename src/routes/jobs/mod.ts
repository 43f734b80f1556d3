/**
 * The routes of durable jobs: submissions ({@link addSubmit}, {@link addJobBatch}), the jobs
 * themselves ({@link addJobs}), their results ({@link addJobResult}), events
 * ({@link addJobEvents}) and logs ({@link addJobLogs}), and the queues ({@link addQueues}).
 * {@link laterCalls} turns a call that is to be answered later into a job.
 *
 * @module
 */
export { addJobBatch } from "./batch.ts";
export { addJobEvents, addJobLogs, JobEventStreams } from "./follow/mod.ts";
export { JobJsonWriter } from "./job_json.ts";
export { JOB_REQUEST } from "./job_requests.ts";
export { addJobs } from "./jobs.ts";
export type { JobsSlice } from "./jobs_slice.ts";
export { laterCalls } from "./later_calls.ts";
export { addQueues, type QueuesSlice } from "./queues.ts";
export { addJobResult } from "./results/mod.ts";
export { addSubmit } from "./submit.ts";
