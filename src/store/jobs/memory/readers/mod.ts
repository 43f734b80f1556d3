/**
 * The events, the log and the outputs of a job: how they grow, and who reads and follows them.
 *
 * @module
 */
export { addChunks, addEnd, readEvents } from "./job_events.ts";
export { addToLog, readLog } from "./job_log.ts";
export { JobReaders } from "./job_readers.ts";
export { readOutputs } from "./read_outputs.ts";
