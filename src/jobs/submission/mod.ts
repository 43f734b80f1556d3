/**
 * The way of a submission to the store: its check by one schema, the defaults, and its id.
 *
 * @module
 */
export { checkJob, invalidBatch, invalidJob } from "./check_job.ts";
export { JobIds } from "./job_ids.ts";
export { batchJobSchema, callJobSchema, type CheckedJob } from "./job_schema.ts";
export { DEFAULT_QUEUE, newJob } from "./new_job.ts";
export { StreamedBatches } from "./streamed_batch.ts";
export { MAX_BATCH, type Submitted, Submitter } from "./submitter.ts";
