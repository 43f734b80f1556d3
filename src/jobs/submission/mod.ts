/**
 * The way of a submission to the store: its check by one schema, the defaults, and its id.
 *
 * @module
 */
export { checkJob, invalidBatch, invalidJob } from "./check_job.ts";
export { JobIds } from "./job_ids.ts";
export type { CheckedJob } from "./checked_job.ts";
export { batchJobSchema, callJobSchema } from "./job_schema.ts";
export {
  type CheckedCommand,
  type CheckedScript,
  commandJobSchema,
  scriptJobSchema,
} from "./program_schema.ts";
export { DEFAULT_QUEUE, newJob } from "./new_job.ts";
export { StreamedBatches } from "./streamed_batch.ts";
export { MAX_BATCH, partsOf, type SubmitOptions, type Submitted, Submitter } from "./submitter.ts";
